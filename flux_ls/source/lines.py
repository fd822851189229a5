"""Text as lines and bytes as text, counted and decoded the way editors and CPython do."""

import codecs
import re

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK_OR_COMMENT = re.compile(rb"^[ \t\f]*(?:#.*)?$")
_LINE_BREAK = re.compile(rb"\r\n|\n|\r")
_LONE_CR = re.compile(r"\r(?!\n)")


def split_lines(text: str) -> list[str]:
    r"""The lines without their breaks; only `\n`, `\r\n` and a lone `\r` end a line.

    `str.splitlines` also breaks at form feeds, `\x1c` or `\u2028`, which no editor and no traceback counts.
    Text that ends with a break has an empty last line, as in an editor.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def line_end(text: str) -> str:
    """How most lines of the text end."""
    if "\r" not in text:
        return "\n"
    pairs = text.count("\r\n")
    counts = {"\n": text.count("\n") - pairs, "\r\n": pairs, "\r": text.count("\r") - pairs}
    return max(counts, key=lambda end: counts[end])


def newlines_only(text: str) -> str:
    r"""The text, as long as before, with each lone `\r` as `\n`: for parsers that count only `\n`."""
    return _LONE_CR.sub("\n", text) if "\r" in text else text


def decode_source(data: bytes) -> str:
    """Source bytes as text: by byte order mark, PEP 263 cookie, UTF-8, or else Latin-1. Never raises."""
    if data.startswith(codecs.BOM_UTF8):
        encodings = ["utf-8"]
        data = data[len(codecs.BOM_UTF8) :]
    else:
        encodings = [*_cookie(data), "utf-8"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _cookie(data: bytes) -> list[str]:
    """The encoding named in the first two lines; the second counts only below a blank or comment line."""
    for line in _LINE_BREAK.split(data[:1000], maxsplit=2)[:2]:
        if found := _COOKIE.match(line):
            return [found[1].decode("ascii", "replace")]
        if not _BLANK_OR_COMMENT.match(line):
            break
    return []
