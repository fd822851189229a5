"""What `Throwable.printStackTrace` prints, on any language of the JVM.

Java prints innermost first and leaves out the frames that a cause shares with what it caused (`... 6 more`): they
are put back. Suppressed exceptions are kept as notes. A trace tells no folders, so the path is that of the package.

Messages of causes are not known beforehand. Within such a section the last unbroken run of frames counts, and
`Caused by:` counts only right after frames: what comes before is taken for a message of several lines.
"""

import re

from flux_ls.model import Frame, Raised

from .in_app import InAppRule
from .kept import (
    FRAMES_KEPT_INNER,
    FRAMES_KEPT_OUTER,
    LINKS_KEPT_INNER,
    LINKS_KEPT_OUTER,
    MEMBERS_KEPT,
    NAME_LENGTH,
    PATH_LENGTH,
    Ends,
)

_AT = re.compile(r"([ \t]+)at ([^\s()][^()]*)\(([^()]*)\)(?: ~?\[[^\[\]]*\])?\s*$")
_MORE = re.compile(r"([ \t]+)\.\.\. (\d{1,6}) (?:more|common frames omitted)\s*$")
_SECTION = re.compile(r"([ \t]*)(Caused by|Suppressed): ")
_THREAD = re.compile(r'Exception in thread "[^"\n]{0,500}" ')


class _Section:
    """One throwable as printed; frames innermost first."""

    __slots__ = ("begins", "broken", "frames", "indent", "message_ends", "notes", "restore", "run", "seen")

    def __init__(self, begins: int, indent: str) -> None:
        self.begins = begins
        self.indent = indent
        self.message_ends = -1
        self.frames: tuple[Frame, ...] = ()
        self.run: Ends[Frame] = Ends(FRAMES_KEPT_INNER, FRAMES_KEPT_OUTER)
        self.seen = False
        """Whether the current run has a line."""
        self.broken = True
        self.restore = 0
        self.notes: list[str] = []


def parse_java(text: str, type: str, message: str, rule: InAppRule) -> Raised:
    """The recorded throwable with its causes."""
    thread = _THREAD.match(text)
    begins = thread.end() if thread else 0
    printed, said_end = _head(text, begins, message)
    top = _Section(begins, "")
    sections = _sections(text, top, said_end, rule)
    cause: Raised | None = None
    for section in reversed(sections[1:]):
        name, said = _said(text, section)
        if not name.startswith("[CIRCULAR REFERENCE"):
            cause = Raised(name, said, section.frames[::-1], cause=cause, notes=tuple(section.notes))
    message = message or _said(text, top)[1]
    return Raised(_fuller(type, printed), message, top.frames[::-1], cause=cause, notes=tuple(top.notes))


def _head(text: str, begins: int, message: str) -> tuple[str, int]:
    """The type as printed, and where the given message ends; -1 when the text says something else."""
    end = text.find("\n", begins)
    first = text[begins : end if end >= 0 else len(text)]
    printed, _, _ = first.partition(": ")
    after = begins + len(printed)
    if message and text.startswith(message, after + 2):
        after += 2 + len(message)
    elif message or len(printed) < len(first):
        after = -1
    if after >= 0 and text[after : after + 1] not in ("", "\n", "\r"):
        after = -1
    return ("" if " " in printed else printed[:NAME_LENGTH]), after


def _fuller(given: str, printed: str) -> str:
    """A stack says `shop.Cart$Line` where an instrumentation may say `shop.Cart.Line` or only `Line`."""
    told = printed.replace("$", ".")
    same = told == given.replace("$", ".") or told.endswith("." + given)
    return printed if printed and (same or not given) else given


def _said(text: str, section: _Section) -> tuple[str, str]:
    """Type and message as the section prints them."""
    ends = section.message_ends
    if ends < 0:
        ends = text.find("\n", section.begins)
        ends = len(text) if ends < 0 else ends
    head = text[section.begins : ends].rstrip("\r")
    name, colon, said = head.partition(": ")
    return (name[:NAME_LENGTH], said) if colon and "\n" not in name else (name.strip()[:NAME_LENGTH], "")


def _sections(text: str, top: _Section, at: int, rule: InAppRule) -> list[_Section]:
    """The recorded throwable and its chain of causes; what is suppressed becomes notes of its section."""
    sections = [top]
    current: _Section | None = top
    """None within something suppressed."""
    known = at >= 0
    at = _next(text, at if known else top.begins)
    after_frames = known
    last = top
    while at < len(text):
        following = _next(text, at)
        if text.startswith((" ", "\t"), at) and following - at <= PATH_LENGTH:
            line = text[at:following]
            found = _AT.match(line)
            more = None if found else _MORE.match(line)
            if found or more:
                if current is not None:
                    if found:
                        _add(current, _frame(found, rule), at)
                    elif more:
                        _add(current, None, at)
                        current.restore = int(more[2])
                after_frames = True
                at = following
                continue
        head = _SECTION.match(text, at) if after_frames else None
        if head and head[2] == "Caused by" and not head[1]:
            _close(last, sections)
            current = last = _Section(head.end(), "")
            sections.append(current)
            if len(sections) > LINKS_KEPT_OUTER + LINKS_KEPT_INNER:
                del sections[LINKS_KEPT_OUTER]
        elif head:
            if head[2] == "Suppressed" and len(head[1].expandtabs(4)) <= 4 and len(last.notes) < MEMBERS_KEPT:
                last.notes.append(text[at:following].strip()[:NAME_LENGTH])
            current = None
        elif current is not None and not (known and current is top and current.seen) and text[at:following].strip():
            current.broken = True
        after_frames = False
        at = following
    _close(last, sections)
    return sections


def _next(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _add(section: _Section, frame: Frame | None, at: int) -> None:
    if section.broken:  # what looked like frames before was part of the message
        section.run = Ends(FRAMES_KEPT_INNER, FRAMES_KEPT_OUTER)
        section.restore = 0
        section.message_ends = at - 1
        section.broken = False
    section.seen = True
    if frame is not None:
        section.run.add(frame)


def _close(section: _Section, sections: list[_Section]) -> None:
    """Puts back the frames that a cause shares with what it caused."""
    frames = section.run.kept()
    if section.restore and len(sections) > 1:
        frames += sections[-2].frames[-section.restore :]
    if len(frames) > FRAMES_KEPT_INNER + FRAMES_KEPT_OUTER:
        frames[FRAMES_KEPT_INNER:-FRAMES_KEPT_OUTER] = []
    section.frames = tuple(frames)


def _frame(found: re.Match[str], rule: InAppRule) -> Frame:
    function = found[2].strip().rpartition("/")[2][:NAME_LENGTH]
    file, _, digits = found[3].partition(":")
    line = int(digits) if digits.isdecimal() and len(digits) < 10 else 0
    owner = function.rpartition(".")[0]
    package = owner.rpartition(".")[0].replace(".", "/")
    told = "." in file and " " not in file
    path = f"{package}/{file}" if told and package else file or "Unknown Source"
    in_app = line > 0 and rule.matches(path, function, "java")
    return Frame(path, line, function, in_app, language="java")
