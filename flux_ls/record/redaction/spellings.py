"""One secret as texts may spell it: plain, and as URLs, JSON, reprs, HTML, SQL and base64 have it; and where it is cut.

No expression is made of a secret: `re` remembers those that it has compiled, and a secret is to be forgotten.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from flux_ls.record.redaction.sought import is_sought
from flux_ls.record.redaction.values import is_path
from flux_ls.record.wire import REDACTED

CUT_OFF: Final = "…"
"""What is written after a text that was cut."""
_LEAST_HALF: Final = 4
"""Characters: less of a secret tells nothing."""
_LONGEST_HALF: Final = 1024
_LONGEST_ESCAPE: Final = 12
_MOST_PLACES: Final = 16
"""Where a character may end: there are more of them in runs of backslashes only."""
_LEAST_CORE: Final = 6
_LONG_WORD: Final = 16
_LONG_NUMBER: Final = 12
"""Shorter ones may be a part of any other word or number, and count only where they stand alone."""

_PLAIN = re.compile(r"[A-Za-z0-9_.\-]+")
"""What is spelled alike everywhere."""
_ALNUM = re.compile(rb"[A-Za-z0-9]+")
_BASE64_END = re.compile(r"(?:[A-Za-z0-9+/_\-]|%2[BbFf])*(?:=|%3[Dd]){0,2}")
_ESCAPED_BASE64: Final = ("%2B", "%2b", "%2F", "%2f")
_FRAME = re.compile(r'[ \t|+]*(?:File "[^"\n]*", line \d+|at [^\n]*:\d+\)?$)', re.MULTILINE)
_ESCAPED_LETTERS: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ENTITIES: Final = {'"': "quot|#34|#x22", "'": "apos|#39|#x27", "&": "amp|#38", "<": "lt|#60", ">": "gt|#62"}

# As in `tokens`: a letter after a backslash, and digits after a percent sign, may be the end of an escape.
_WORD_BEGINS = re.compile(r"(?<![^\W_])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f][0-9A-Fa-f])")
_WORD_ENDS = re.compile(r"(?![^\W_])")
_NUMBER_BEGINS = re.compile(r"(?<!\d[.,])")
_NUMBER_ENDS = re.compile(r"(?![.,]\d)")


class Spelled:
    """A secret and what finds it in a text."""

    __slots__ = ("_cores", "_is_alone", "_is_sought", "needle", "value")

    def __init__(self, value: str) -> None:
        self.value = value
        plain = value.isascii() and value.isalnum()
        self.needle = value if plain else max(_PLAIN.findall(value), key=len, default="")
        """Is in every text that has the secret, however it is spelled; empty where there is no such part."""
        self._cores = _cores(value)
        """One of these is in every base64 of a text with the secret in it."""
        self._is_sought: bool | None = None
        self._is_alone = len(value) < _LONG_WORD and (
            value.isalpha() or (len(value) < _LONG_NUMBER and value.isdecimal())
        )

    def may_be_in(self, encoded: bytes) -> bool:
        """Whether it is worth the while to look into what was encoded."""
        return (self.needle.encode() in encoded or any(core in encoded for core in self._cores)) and self.is_sought()

    def is_sought(self) -> bool:
        """Whether it is told from ordinary text: asked for few of them, and that is what takes time."""
        if self._is_sought is None:
            self._is_sought = is_sought(self.value)
        return self._is_sought

    def without(self, text: str) -> str:
        """The text without the secret; the same text if it is not there."""
        if self.needle in text:
            text = self._without_spelled(text)
        for core in self._cores:
            if core.decode() in text:
                text = _without_base64(text, core.decode())
        return text

    def half_before(self, text: str, end: int) -> int:
        """Where the beginning of a secret stands that goes up to `end` and no further; `end` if there is none."""
        room = len(self.value) if self.needle == self.value else _room(self.value)
        for start in range(max(0, end - min(room, _LONGEST_HALF)), end - _LEAST_HALF + 1):
            if self._is_half(text, start, end):
                return start
        return end

    def _without_spelled(self, text: str) -> str:
        parts: list[str] = []
        copied = 0
        for start, end in self._places(text):
            if start >= copied and self._counts(text, start, end):
                parts += (text[copied:start], REDACTED)
                copied = end
        if not parts:
            return text
        parts.append(text[copied:])
        return "".join(parts)

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        value = self.value
        if self.needle == value:
            at = text.find(value)
            while at >= 0:
                yield at, at + len(value)
                at = text.find(value, at + 1)
            return
        lead = value.find(self.needle)
        room = _room(value[:lead])
        at = text.find(self.needle)
        seen = 0
        while 0 <= at < len(text):
            # No further in front of what is spelled alike everywhere than escaping can have moved it.
            for start in range(max(seen, at - room), at - lead + 1):
                end = self._end_of(text, start)
                if end >= 0:
                    yield start, end
            seen = max(seen, at - lead + 1)
            at = text.find(self.needle, at + 1)

    def _counts(self, text: str, start: int, end: int) -> bool:
        if self._is_alone:
            if _WORD_BEGINS.match(text, start) is None or _WORD_ENDS.match(text, end) is None:
                return False
            if self.value.isdecimal():
                return _NUMBER_BEGINS.match(text, start) is not None and _NUMBER_ENDS.match(text, end) is not None
        elif not is_path(self.value):
            return True
        # In a line about a frame it is the name of a function or a file, by which failures are told apart.
        return _FRAME.match(text, text.rfind("\n", 0, start) + 1) is None

    def _end_of(self, text: str, at: int) -> int:
        places = {at}
        for mark in self.value:
            places = _after(text, places, mark, len(text))
            if not places:
                return -1
        return max(places)

    def _is_half(self, text: str, start: int, end: int) -> bool:
        places = {start}
        for mark in self.value:
            if end in places:
                return True
            # An escape may have been cut in two.
            if any(
                at - start >= _LEAST_HALF and end - at < 2 * _LONGEST_ESCAPE and text[at] in "\\%&" for at in places
            ):
                return True
            places = _after(text, places, mark, end)
        return False


def _room(value: str) -> int:
    """How long it is at most, however it is spelled."""
    return sum(_LONGEST_ESCAPE if mark.isascii() else 2 * _LONGEST_ESCAPE for mark in value)


def _after(text: str, places: set[int], mark: str, end: int) -> set[int]:
    """Where a character may end that begins in one of the places."""
    found: set[int] = set()
    for at in places:
        if at < end:
            found.update(match.end() for way in _ways(mark) if (match := way.match(text, at, end)) is not None)
    return found if len(found) <= _MOST_PLACES else set(sorted(found)[-_MOST_PLACES:])


@lru_cache(maxsize=512)
def _ways(mark: str) -> tuple[re.Pattern[str], ...]:
    """How a character may be written."""
    return tuple(re.compile(way) for way in dict.fromkeys(_spelled(mark)))


def _spelled(mark: str) -> Iterator[str]:
    if _PLAIN.match(mark) is not None:
        yield re.escape(mark)
        return
    raw = mark.encode("utf-8", "surrogatepass")
    yield "".join(f"%(?:25)?(?i:{each:02x})" for each in raw)
    if mark == "\\":
        # Each time that it is escaped makes two of one.
        yield from (rf"\\{{{count}}}" for count in (8, 4, 2, 1))
        return
    yield rf"\\{{0,7}}{mark}" if mark in "\"'/`" else re.escape(mark)
    if mark in _ESCAPED_LETTERS:
        yield rf"\\{{1,7}}{_ESCAPED_LETTERS[mark]}"
    if mark == " ":
        yield r"\+"
    if mark == "'":
        yield "''"  # SQL
    if mark in _ENTITIES:
        yield f"&(?:{_ENTITIES[mark]});"
        yield f"&amp;(?:{_ENTITIES[mark]});"
    halves = mark.encode("utf-16-be", "surrogatepass")
    yield "".join(rf"\\{{1,7}}u(?i:{halves[at : at + 2].hex()})" for at in range(0, len(halves), 2))
    if len(halves) > 2:
        yield rf"\\{{1,7}}U(?i:{ord(mark):08x})"
    if ord(mark) < 256:
        yield rf"\\{{1,7}}x(?i:{ord(mark):02x})"
    yield "".join(rf"\\{{1,7}}x(?i:{each:02x})" for each in raw)


def without_halves(text: str, secrets: tuple[Spelled, ...]) -> str:
    """Without the beginnings of secrets in front of the marks that say that a text was cut."""
    at = text.find(CUT_OFF)
    while at >= 0:
        text, at = without_half(text, at, secrets)
        at = text.find(CUT_OFF, at + 1)
    return text


def without_half(text: str, end: int, secrets: tuple[Spelled, ...]) -> tuple[str, int]:
    """Without the beginning of a secret that goes up to `end`; and where that end is then."""
    start = min((secret.half_before(text, end) for secret in secrets), default=end)
    if start == end:
        return text, end
    return text[:start] + REDACTED + text[end:], start + len(REDACTED)


def _cores(value: str) -> tuple[bytes, ...]:
    """What the base64 of all texts with the value has in it, by where in a group of three bytes it begins."""
    raw = value.encode("utf-8", "surrogatepass")
    found = []
    # The first and the last character have bits of what stands beside the value.
    for skipped, first in ((0, 0), (1, 2), (2, 3)):
        core = b2a_base64(b"\0" * skipped + raw, newline=False)[first : (skipped + len(raw)) * 8 // 6]
        if not core.isalnum():
            # The alphabets differ in two characters, which URLs spell in yet another way.
            core = max(_ALNUM.findall(core), key=len, default=b"")
        if len(core) >= _LEAST_CORE:
            found.append(core)
    return tuple(found)


def _without_base64(text: str, core: str) -> str:
    """Without all of the run that the core is in: the rest of it has the rest of the secret."""
    parts: list[str] = []
    copied = 0
    at = text.find(core)
    while at >= 0:
        start = at
        while start > copied:
            if text.endswith(_ESCAPED_BASE64, copied, start):
                start -= 3
            elif text[start - 1].isascii() and (text[start - 1].isalnum() or text[start - 1] in "+/_-"):
                start -= 1
            else:
                break
        end = _BASE64_END.match(text, at)
        parts += (text[copied:start], REDACTED)
        copied = end.end() if end is not None else at + len(core)
        at = text.find(core, copied)
    parts.append(text[copied:])
    return "".join(parts)
