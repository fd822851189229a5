"""Secrets found in texts by what they are: however they are spelled there, and nowhere else."""

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.record.redaction.remembered import Remembered
from flux_ls.record.redaction.sought import is_sought
from flux_ls.record.wire import REDACTED

R = REDACTED

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "repr": lambda secret: repr(secret)[1:-1],
    "repr of a repr": lambda secret: repr(repr(secret)[1:-1])[1:-1],
    "repr of bytes": lambda secret: repr(secret.encode())[2:-1],
    "ascii": lambda secret: ascii(secret)[1:-1],
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "path of a URL": quote,
    "segment of a URL": lambda secret: quote(secret, safe=""),
    "query of a URL": quote_plus,
    "URL in a URL": lambda secret: quote(quote(secret)),
    "lower case URL": lambda secret: quote(secret, safe="").replace("%C3%B6", "%c3%b6"),
    "SQL": lambda secret: secret.replace("'", "''"),
    "HTML": html.escape,
}
SECRETS = [
    "hunter2000",
    "correct horse battery staple",
    "hunter",
    "481516",
    "p@ss w\"ö'r\\d\n/+",
    "a\\\nb$%xyz",
    "o'neill''s",
    "Zoë🎉key!",
    "c++ is <b>&amp;</b>\tfun",
    "日本語のひみつ",
    "ключ от квартиры",
    "x\x00y\x1bz\x7f!",
    "-----BEGIN-----\nMIIabc\n-----END-----\n",
]

STACK = 'Traceback:\n  File "/srv/shop/checkout.py", line 3, in checkout\n    raise ValueError(x)\n'


def without(secret: str, text: str) -> str:
    known = Remembered()
    known.add(secret)
    return known.without(text)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_however_it_is_spelled(secret: str, spelling: str) -> None:
    spelled = SPELLINGS[spelling](secret.strip())
    text = f"login with {spelled} failed, also «{spelled}»"
    assert without(secret, text) == f"login with {R} failed, also «{R}»"


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=20).filter(
        lambda secret: is_sought(secret.strip())
    ),
    spelling=st.sampled_from(sorted(SPELLINGS)),
    before=st.text(max_size=10),
    after=st.text(max_size=10),
)
def test_nothing_of_any_secret_stays(secret: str, spelling: str, before: str, after: str) -> None:
    # What is of letters or digits only counts where it stands alone.
    spelled = SPELLINGS[spelling](secret.strip())
    told = without(secret, f"{before} ·{spelled}· {after}")
    assert spelled not in told
    assert R in told


@given(st.text(max_size=60), st.sampled_from(SECRETS))
def test_a_text_without_the_secret_stays_the_same(text: str, secret: str) -> None:
    known = text.replace("…", "")
    if without(secret, known) != known:
        assert any(part in known for part in (secret.strip(), secret.strip()[:4]))


@pytest.mark.parametrize("user", ["a", "ab", "abc", "ada@example.org"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", ["hunter2000", "hunter", "pässwörter?>~~", "481516"])
def test_basic_auth_is_found_whoever_the_user_is(secret: str, encode: Callable[[bytes], bytes], user: str) -> None:
    token = encode(f"{user}:{secret}".encode()).decode()
    assert without(secret, f"sends {token} to the shop") == f"sends {R} to the shop"
    assert without(secret, f"a={quote(token, safe='')}&b=1").removeprefix("a=").removesuffix("&b=1") == R
    assert without(secret, encode(f"{user}:somebody else's".encode()).decode()).find(R) < 0


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("hunter", "the hunters of hunterville hunt", "the hunters of hunterville hunt"),
        ("hunter", "hunter's, _hunter_ and 'hunter'", f"{R}'s, _{R}_ and '{R}'"),
        ("hunter", r"a line\nhunter", rf"a line\n{R}"),
        ("hunter", "a=1%26hunter%26", f"a=1%26{R}%26"),
        (
            "481516",
            "order 14815162 of 481516.5 or 7,481516, code 481516.",
            f"order 14815162 of 481516.5 or 7,481516, code {R}.",
        ),
        ("481516", "code-481516, x481516x", f"code-{R}, x481516x"),
        ("hunter2000", "xhunter2000x", f"x{R}x"),
        # A name in a stack is what failures are told apart by.
        (
            "checkout",
            f"{STACK}ValueError: checkout is wrong",
            f"{STACK}ValueError: {R} is wrong",
        ),
        (
            "checkout",
            "  at checkout (/srv/shop/cart.js:12:3)\n  at checkout, they",
            f"  at checkout (/srv/shop/cart.js:12:3)\n  at {R}, they",
        ),
        (
            "/srv/keys/ours",
            '  File "/srv/keys/ours/a.py", line 3, in f\nbad /srv/keys/ours',
            f'  File "/srv/keys/ours/a.py", line 3, in f\nbad {R}',
        ),
    ],
)
def test_words_and_numbers_count_where_they_stand_alone(secret: str, text: str, expected: str) -> None:
    assert without(secret, text) == expected


def test_the_longest_secret_is_taken_first() -> None:
    known = Remembered()
    for each in ("hunter2000", "hunter2000-and-more"):
        known.add(each)
    assert known.without("hunter2000-and-more, hunter2000") == f"{R}, {R}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the password hunter2…", f"the password {R}…"),
        ("the password hunt…\nand more", f"the password {R}…\nand more"),
        ("the password hun…", "the password hun…"),
        ("hunter2000…", f"{R}…"),
        ("nothing … here", "nothing … here"),
    ],
)
def test_half_a_secret_before_a_cut_is_taken_out(text: str, expected: str) -> None:
    assert without("hunter2000", text) == expected


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", [secret for secret in SECRETS if len(secret) > 9])
def test_half_a_secret_is_found_however_it_is_spelled(secret: str, spelling: str) -> None:
    secret = secret.strip()
    spelled = SPELLINGS[spelling](secret)
    for end in range(len(SPELLINGS[spelling](secret[:4])), len(spelled)):
        told = without(secret, f"login with {spelled[:end]}…")
        assert told == f"login with {R}…", spelled[:end]


@pytest.mark.slow
@pytest.mark.parametrize("mark", ["\\", "'", "a", "\\'", "%5C", "ab\\"])
def test_no_text_makes_it_slow(mark: str) -> None:
    text = mark * (100_000 // len(mark)) + "…"
    started = time.process_time()
    for secret in (
        "\\" * 20 + "'" * 20 + "aXc",
        "a\\'\\'\\'b" * 30,
        mark * 50 + "zyx",
        urlencode({"a": mark * 40}) + "q1",
    ):
        without(secret, text)
    assert time.process_time() - started < 5
