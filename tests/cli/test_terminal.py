"""Recorded text can do nothing to a terminal, and lines line up."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.cli.terminal import (
    Terminal,
    clipped,
    clipped_middle,
    columns,
    first_line,
    padded,
    plain,
    plain_lines,
    wrapped,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("naïve 漢字 🎉 👩\u200d🚀 e\u0301", "naïve 漢字 🎉 👩\u200d🚀 e\u0301"),
        ("non\u00a0breaking", "non\u00a0breaking"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("back\x08space \x7f \x00", "back\\x08space \\x7f \\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066iso\u2069 \u200e \u061c", "\\u2066iso\\u2069 \\u200e \\u061c"),
        ("\u2028line \u2029par", "\\u2028line \\u2029par"),
        ("\ufefftag \U000e0041", "\\ufefftag \\U000e0041"),
        ("\udcff", "\\udcff"),
    ],
)
def test_recorded_text_only_shows(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.text())
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    shown = plain(text)
    assert all(char.isprintable() or char in "\u200c\u200d" or char.isspace() for char in shown)
    assert len(shown.splitlines()) <= 1
    assert plain(shown) == shown


def test_several_lines_stay_several_up_to_a_limit() -> None:
    assert plain_lines("a\tb\n\x1bc") == ["a   b", "\\x1bc"]
    assert plain_lines("\n".join(map(str, range(30))), limit=3) == ["0", "1", "2", "… 27 more lines"]


@pytest.mark.parametrize(
    ("text", "expected"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("a\u200db", 2), ("❤\ufe0f", 1), ("", 0)]
)
def test_columns(text: str, expected: int) -> None:
    assert columns(text) == expected
    assert columns(padded(text, 10)) == 10


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"))), st.integers(2, 20))
def test_clipped_text_fits(text: str, width: int) -> None:
    for cut in (clipped, clipped_middle):
        shown = cut(text, width)
        assert columns(shown) <= width + (cut is clipped_middle and width < 3)
        assert (shown == text) == (columns(text) <= width) or "…" in text


def test_both_ends_of_a_path_stay() -> None:
    assert clipped_middle("/api/v1/organisations/42/members", 15) == "/api/v1…members"
    assert clipped("Stripe API timeout", 8) == "Stripe …"
    assert clipped_middle("/short", None) == clipped("/short", None) == "/short"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "on_terminal", "piped"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colours_are_where_they_are_wanted(environ: dict[str, str], on_terminal: bool, piped: bool) -> None:
    for out, wanted in ((Screen(), on_terminal), (io.StringIO(), piped)):
        terminal = Terminal(environ, out)
        terminal.say(terminal.paint("failed", "bad"))
        assert out.getvalue() == ("\x1b[31mfailed\x1b[0m\n" if wanted else "failed\n")


def test_json_on_a_terminal_can_do_nothing_either() -> None:
    out = Screen()
    value = "\x9b31m \u202e \x7f \u2066 é"
    Terminal({}, out).json(json.dumps({"a": value}, ensure_ascii=False).encode())
    assert json.loads(out.getvalue()) == {"a": value}
    assert all(char.isprintable() for char in out.getvalue().rstrip("\n"))


def test_a_line_that_nobody_reads_to_its_end_is_cut() -> None:
    assert plain_lines("x" * 1_000_000 + "\nend") == ["x" * 2000 + "… 998,000 more characters", "end"]
    assert first_line("one\r\ntwo") == "one"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("a b c", None, ["  a b c"]),
        ("a b c", 20, ["  a b c"]),
        ("one two three four", 12, ["  one two", "    three", "    four"]),
        ("see /a/path/that/is/long now", 10, ["  see", "    /a/path/that/is/long", "    now"]),
        ("日本 日本 日本", 8, ["  日本", "    日本", "    日本"]),
        ("", 3, ["  "]),
    ],
)
def test_wrapped(text: str, width: int | None, expected: list[str]) -> None:
    assert wrapped(text, width, "  ", "  ") == expected


def test_the_width_is_that_of_the_window_now(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal({}, Screen())
    monkeypatch.setenv("COLUMNS", "80")
    assert terminal.width == 80
    monkeypatch.setenv("COLUMNS", "40")
    assert terminal.width == 40
    assert Terminal({}, io.StringIO()).width is None
