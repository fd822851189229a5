"""Lines and decoding, with CPython as the oracle."""

import io
import tokenize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flux_ls.source.lines import decode_source, line_end, newlines_only, split_lines

BREAKS = st.lists(
    st.sampled_from(["a", "é", "\U0001f40d", " ", "\n", "\r", "\r\n", "\x0c", "\x0b", "\x1c", "\x85", "\u2028"])
).map("".join)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a", ""]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("a\n\rb", ["a", "", "b"]),
        ("a\x0cb\x1cc\u2028d\x85e\x0bf", ["a\x0cb\x1cc\u2028d\x85e\x0bf"]),
    ],
)
def test_split_lines(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@given(BREAKS)
def test_split_lines_as_cpython_reads_them(text: str) -> None:
    read = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8").read().split("\n")
    assert split_lines(text) == read


@given(BREAKS)
@example("a\r\rb\r\n")
def test_newlines_only_keeps_every_place(text: str) -> None:
    changed = newlines_only(text)
    assert len(changed) == len(text)
    assert [line.rstrip("\r") for line in changed.split("\n")] == split_lines(text)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("é = 1".encode(), "é = 1"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        ("# -*- coding: latin-1 -*-\né".encode("latin-1"), "# -*- coding: latin-1 -*-\né"),
        ("#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n€".encode("cp1252"), None),
        ("\n# coding: koi8-r\nж".encode("koi8-r"), "\n# coding: koi8-r\nж"),
        ("x = 1\n# coding: koi8-r\né".encode(), "x = 1\n# coding: koi8-r\né"),
        ("a\n\n# coding: koi8-r\né".encode(), "a\n\n# coding: koi8-r\né"),
        (b"# coding: no-such-codec\n\xe9", "# coding: no-such-codec\n\xe9"),
        (b"# coding: hex\n\xc3\xa9", "# coding: hex\né"),
        (b"# coding: utf-8\n\xe9", "# coding: utf-8\n\xe9"),
        (b"\xff\xfe\x00", "\xff\xfe\x00"),
    ],
)
def test_decode_source(data: bytes, text: str | None) -> None:
    assert decode_source(data) == (data.decode("cp1252") if text is None else text)


@given(
    st.sampled_from(["", "\n", "#!x\n", "\ufeff"]),
    st.sampled_from(["", "# coding: latin-1\n", "# -*- coding=utf-8 -*-\n", "#coding:cp1252\r\n"]),
    st.text(st.characters(codec="latin-1", exclude_characters="\r")),
)
def test_decode_source_as_the_compiler(first: str, cookie: str, rest: str) -> None:
    encoding = "latin-1" if "latin" in cookie else "cp1252" if "cp" in cookie else "utf-8"
    try:
        data = (first + cookie + rest).encode(encoding)
        detected, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        expected = data.decode(detected)
    except (SyntaxError, UnicodeError):
        return
    assert decode_source(data) == expected


@given(st.binary())
@example(b"# coding: idna\n\xff")
@example(b"# coding: undefined\n")
@example(b"# coding: unicode_escape\n\\x")
@example(b"# coding: \x80\n")
def test_decode_source_never_raises(data: bytes) -> None:
    decode_source(data)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", "\n"),
        ("a\nb\n", "\n"),
        ("a\r\nb\r\n", "\r\n"),
        ("a\rb\r", "\r"),
        ("a\r\nb\nc\n", "\n"),
        ("a\r\nb\r\nc\n", "\r\n"),
    ],
)
def test_how_most_lines_end(text: str, end: str) -> None:
    assert line_end(text) == end
