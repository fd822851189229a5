"""Secrets inside texts: what is taken out, what stays, and that nothing makes it slow."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_ls.record.redaction import redact_text, redact_tree, redact_url
from flux_ls.record.redaction.texts import redact_cut
from flux_ls.record.wire import REDACTED
from tests.record.redaction.innocents import TEXTS
from tests.record.redaction.secrets import ISSUED, SECRETS

R = REDACTED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2&plan=free", f"password={R}&plan=free"),
        ('{"password": "hunter2", "plan": "free"}', f'{{"password": "{R}", "plan": "free"}}'),
        ('{"pin_code": 1234, "plan": "free"}', f'{{"pin_code": "{R}", "plan": "free"}}'),
        ('{"password": ["a", "b"], "plan": 1}', f'{{"password": "{R}", "plan": 1}}'),
        ('{"user": {"token": {"a": {"b": 1}}, "c": 2}}', f'{{"user": {{"token": "{R}", "c": 2}}}}'),
        (r"{\"password\": \"hun\\\"ter2\", \"n\": 1}", rf"{{\"password\": \"{R}\", \"n\": 1}}"),
        ("User(id=1, password='hunter2', plan='free')", f"User(id=1, password='{R}', plan='free')"),
        ("User(password='it\\'s', plan='free')", f"User(password='{R}', plan='free')"),
        ("{'password': b'hunter2'}", f"{{'password': b'{R}'}}"),
        ("Authorization: Bearer abc.def, realm\nHost: shop", f"Authorization: {R}\nHost: shop"),
        ("curl -H 'Authorization: Token abc' https://shop", f"curl -H 'Authorization: {R}' https://shop"),
        ("Cookie: a=1; sid=2\r\nHost: shop", f"Cookie: {R}\r\nHost: shop"),
        ("https://ada:hunter2@shop.example/a?b=1", f"https://ada:{R}@shop.example/a?b=1"),
        ("postgres://ada:p@ss@db:5432/shop", f"postgres://ada:{R}@db:5432/shop"),
        ("https://shop.example/?token=abc&page=2#top", f"https://shop.example/?token={R}&page=2#top"),
        ("password%3Dhunter2%26plan%3Dfree", f"password%3D{R}%26plan%3Dfree"),
        ("Server=db;Uid=sa;Pwd=hunter2;Encrypt=yes", f"Server=db;Uid=sa;Pwd={R};Encrypt=yes"),
        ("<password>hunter2</password><plan>free</plan>", f"<password>{R}</password><plan>free</plan>"),
        ("mysql --password hunter2 -h db", f"mysql --password {R} -h db"),
        ("UPDATE users SET password = 'hunter2', plan = 'pro'", f"UPDATE users SET password = '{R}', plan = 'pro'"),
        ("WHERE token IN ('a1', 'b2') AND plan = 'pro'", f"WHERE token IN {R} AND plan = 'pro'"),
        (
            "INSERT INTO users (email, password) VALUES ('ada', 'hunter2'), ('bob', 'o''neill')",
            f"INSERT INTO users (email, password) VALUES ('ada', '{R}'), ('bob', '{R}')",
        ),
        (
            "[SQL: INSERT INTO users (email, password, plan) VALUES (?, ?, ?)]\n"
            "[parameters: ('ada', 'hunter2', 'free')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
            "[SQL: INSERT INTO users (email, password, plan) VALUES (?, ?, ?)]\n"
            f"[parameters: ('ada', '{R}', 'free')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
        ),
        ("card 4111 1111 1111 1111 was declined", f"card {R} was declined"),
        ("Basic YWRhOmh1bnRlcjI= refused", f"Basic {R} refused"),
        ("[('password', 'hunter2'), ('plan', 'free')]", f"[('password', '{R}'), ('plan', 'free')]"),
        ("password: hunter2\nplan: free", f"password: {R}\nplan: free"),
        ("auth=('ada', 'hunter2'), timeout=3", f"auth={R}, timeout=3"),
        ("session=abcdef1234567890abcdef; Path=/", f"session={R}; Path=/"),
        ("token=self.token, password=hunter2", f"token=self.token, password={R}"),
    ],
)
def test_only_the_secret_goes(text: str, expected: str) -> None:
    assert redact_text(text) == expected
    assert redact_text(expected) == expected


def test_source_lines_of_a_stack_trace_are_code_but_for_what_is_quoted() -> None:
    stack = (
        'Traceback (most recent call last):\n  File "/srv/shop/auth.py", line 3, in login\n'
        "    connect(password={}, token=token)\nValueError: refused password=hunter2\n"
    )
    text = stack.format("PASSWORD")
    assert redact_text(text) == text.replace("hunter2", R)
    assert redact_text(stack.format("'opensesame'")) == stack.format(f"'{R}'").replace("hunter2", R)


@pytest.mark.parametrize("text", TEXTS)
def test_innocent(text: str) -> None:
    assert redact_text(text) == text
    assert redact_url(text) == text
    assert redact_tree({"text": [text]}) == {"text": [text]}


@given(st.text(max_size=200))
def test_anything_at_all(text: str) -> None:
    redacted = redact_text(text)
    assert redact_text(redacted) == redacted


@given(st.sampled_from(ISSUED), st.text(alphabet=" \n\t\"'=:;,(){}[]<>|\\", max_size=5), st.text(max_size=20))
def test_issued_secrets_between_anything(secret: str, mark: str, text: str) -> None:
    assert secret not in redact_text(f"{text} {mark}{secret}{mark[::-1]} {text}")


@pytest.mark.parametrize(
    "text",
    [secret.carrier for secret in SECRETS if secret.where in ("url", "message")],
)
def test_no_half_of_a_secret_stays_where_a_text_was_cut(text: str) -> None:
    (secret,) = {secret.secret for secret in SECRETS if secret.carrier == text}
    start = text.index(secret)
    for end in range(start + 1, start + len(secret)):
        left = redact_cut(text[:end])[start:]
        shown = next(secret[:size] for size in range(len(secret), -1, -1) if left.startswith(secret[:size]))
        # Of a key that shows by its shape, what everybody knows of it may stay: `github_pat`.
        assert len(shown) <= (11 if secret in ISSUED else 5), shown


class TestTimeIsLinear:
    PIECES = (
        "a",
        "password",
        "password=",
        "password='",
        '{"password":',
        '("password", "',
        "eyJ",
        "eyJa.",
        "eyJ-",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "://",
        "://a:",
        "@",
        "4",
        "4111 ",
        "Bearer ",
        "Basic aaaaaaaa",
        "INSERT INTO t (password) VALUES (",
        "INSERT INTO t (",
        "[parameters: (",
        "((((",
        "[",
        "\\",
        '\\"',
        '"password\\":\\"',
        "<password>",
        "<password ",
        "--password ",
        "token ",
        "api key is ",
        "Key (token)=(",
        "'",
        "x=",
        "%3D",
        "&password=",
        ",a",
        ", a=",
        "$2b$",
        "token in ('",
        'File "\n token=',
        "Duplicate entry 'a' for key '",
        "curl -u a:",
        "\n",
        "sk-",
        "key-",
        "Authorization: ",
        "Cookie: a=b; ",
        "token=Abc('",
        "a.b-c_d",
        "pbkdf2_sha256$",
        "scrypt:a:",
        "[SQL: SELECT a = ? ] [parameters: (1)] ",
    )

    @pytest.mark.parametrize("piece", PIECES)
    @pytest.mark.parametrize("redact", [redact_text, redact_cut])
    def test_on_a_long_text_made_to_be_slow(self, piece: str, redact: object) -> None:
        text = (piece * (200_000 // len(piece) + 1))[:200_000] + "!"
        start = time.process_time()
        redact(text)  # type: ignore[operator]
        # A quadratic search takes minutes.
        assert time.process_time() - start < 5

    @pytest.mark.slow
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
    def test_on_mixtures(self, pieces: list[str]) -> None:
        text = ("".join(pieces) * (50_000 // len("".join(pieces)) + 1))[:50_000]
        start = time.process_time()
        redact_text(text)
        assert time.process_time() - start < 3
