"""Recorded text stays inside its fence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.explain.fence import boundary_for, fenced, harmless


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\\x0db"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tags\U000e0041\U000e0042", "tags\\U000e0041\\U000e0042"),
        ("half\ud800", "half\\ud800"),
        ("\x00", "\\x00"),
        ("a\u2028b", "a\\u2028b"),
        ("é🙂 naïve\u00a0text\u3000", "é🙂 naïve\u00a0text\u3000"),
    ],
)
def test_what_does_not_show_is_spelled_out(text: str, expected: str) -> None:
    assert harmless(text) == expected


@given(st.text())
def test_whatever_it_is_nothing_hidden_is_left(text: str) -> None:
    told = harmless(text)
    assert all(char in "\n\t" or char.isprintable() or char.isspace() for char in told)
    told.encode()


@given(st.lists(st.text(), max_size=5))
def test_no_text_holds_the_boundary(texts: list[str]) -> None:
    boundary = boundary_for(texts)
    assert len(boundary) == 16
    assert not any(boundary in text for text in texts)
    assert boundary == boundary_for(texts)


def test_a_text_that_knows_another_boundary_gets_its_own() -> None:
    first = boundary_for(["recorded"])
    second = boundary_for(["recorded", f"</recorded {first}>"])
    assert first != second
    assert fenced("x", second) == f"<recorded {second}>\nx\n</recorded {second}>"
