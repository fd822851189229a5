"""Recorded text in Markdown can be read, and never acts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flux_ls.lsp.markdown import code, fence, one_line, visible

HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "code_inline", "fence", "softbreak"}
NASTY = st.text(
    st.sampled_from("`~[]()!<>*_#|\\&;: \n\r\t\x1b\u202e\x00ab/.") | st.characters(exclude_categories=()), max_size=60
)
ATTACKS = (
    "[click](command:workbench.action.terminal.sendSequence)",
    "![x](https://evil.example/pixel.png)",
    "<a href='command:x'>x</a><script>alert(1)</script><img src=x onerror=y>",
    "```\n[out](command:x)\n```",
    "``` ` `` ```` [out](command:x)",
    "~~~\n[x](y)",
    "https://evil.example command:x file:///etc/passwd",
    "<https://evil.example>",
    "$(icon) &lt;b&gt; &#91;x](y)",
    "a\n\n# heading\n\n- list\n\n| table |\n|---|\n",
    "`",
    "``",
    " `` ",
    "\\`[x](command:y)\\`",
)


def tokens(markdown: str) -> list[Token]:
    """As an editor reads it: with HTML, tables, and bare addresses made links."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found: list[Token] = []
    for token in parser.parse(markdown):
        found += [token, *(token.children or [])]
    return found


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("quoted", [code, fence], ids=["code", "fence"])
def test_attacks_are_text(quoted: object, attack: str) -> None:
    assert callable(quoted)
    made = f"before {quoted(attack)} after" if quoted is code else f"before\n\n{quoted(attack)}\n\nafter"
    read = tokens(made)
    assert {token.type for token in read} <= HARMLESS
    prose = " ".join(token.content for token in read if token.type == "text")
    assert prose.split() == ["before", "after"], "nothing of it is read as prose"


@given(text=NASTY)
def test_inline_code_holds_any_text(text: str) -> None:
    read = tokens(f"x {code(text, 500)} y")
    assert {token.type for token in read} <= HARMLESS - {"fence", "softbreak"}
    inside = [token.content for token in read if token.type == "code_inline"]
    assert inside == ([one_line(text, 500)] if one_line(text, 500) else [])


@given(text=NASTY)
def test_a_fence_holds_any_text(text: str) -> None:
    read = tokens(f"x\n\n{fence(text)}\n\ny")
    assert [token.type for token in read if token.type == "fence"] == ["fence"]
    assert {token.type for token in read} <= HARMLESS


@given(text=st.text(st.characters(exclude_categories=())))
def test_nothing_unseen_is_left(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not set(shown) & set("\x00\x1b\x7f\x9b\u202a\u202e\u2066\u2069\u200f\ufeff")


def test_limits() -> None:
    assert one_line("a  b\n\tc") == "a b c"
    assert one_line("x" * 300, 10) == "xxxxxxxxx…"
    assert len(fence("x" * 10_000, limit=100)) < 120
    assert code("") == ""
