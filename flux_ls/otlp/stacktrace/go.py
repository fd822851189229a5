"""What Go's `runtime.Stack`, a panic or `%+v` of an error with a stack prints: the frames of the first goroutine.

Go prints innermost first. When the stack was taken while a panic unwound it, the calls nearest to the top are the
deferred ones that looked at the panic; the fault is below the last `panic(…)` line, so the stack begins there.
"""

import re

from flux_ls.model import Frame, Raised

from .in_app import InAppRule
from .kept import FRAMES_KEPT_INNER, FRAMES_KEPT_OUTER, NAME_LENGTH, PATH_LENGTH, Ends

_GOROUTINE = re.compile(r"^goroutine \d+ [^\n]*(?:\n|\Z)", re.MULTILINE)
_PLACE = re.compile(r"\s++(.+?):(\d{1,9})(?: \+0x[0-9a-fA-F]+)?\s*$")
_CREATED = "created by "


def parse_go(text: str, type: str, message: str, rule: InAppRule) -> Raised:
    """The recorded error with the frames of the goroutine that recorded it."""
    at = _after_message(text, message)
    header = _GOROUTINE.search(text, at)
    if not type and not message and text.startswith("panic: "):
        type = "panic"
        message = text[len("panic: ") : header.start() if header else len(text)].strip()
    frames = _frames(text, header.end() if header else at, rule)
    return Raised(type, message, tuple(frames))


def _after_message(text: str, message: str) -> int:
    """Where the message of a panic ends, as Go prints it: lines after the first are indented."""
    for said in (message, message.replace("\n", "\n\t")) if message else ():
        found = text.find(said)
        if found >= 0 and "goroutine" in said:
            return found + len(said)
    return 0


def _frames(text: str, at: int, rule: InAppRule) -> list[Frame]:
    """Outermost first."""
    kept: Ends[Frame] = Ends(FRAMES_KEPT_INNER, FRAMES_KEPT_OUTER)
    called = ""
    some = False
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        blank = text[at : at + 1]
        if blank in ("\n", "\r", "") or text.startswith("goroutine ", at):
            if some:
                break
        elif blank in ("\t", " "):
            place = _PLACE.match(text, at, end) if called and end - at <= PATH_LENGTH else None
            if place:
                if called == "panic":
                    kept = Ends(FRAMES_KEPT_INNER, FRAMES_KEPT_OUTER)
                line = int(place[2])
                in_app = line > 0 and rule.matches(place[1], called, "go")
                kept.add(Frame(place[1], line, called, in_app, language="go"))
                some = True
            called = ""
        else:
            called = _function(text[at : min(end, at + 2 * NAME_LENGTH)].rstrip("\r"))
        at = end + 1
    return kept.kept()[::-1]


def _function(line: str) -> str:
    """`main.(*Cart).Total` for `main.(*Cart).Total(0xc000012345, 0x3)` and `created by main.f in goroutine 1`."""
    if line.startswith(_CREATED):
        return line[len(_CREATED) :].split(" in goroutine ", 1)[0][:NAME_LENGTH]
    if line.endswith(")"):
        opened = line.rfind("(")
        # Without arguments (`%+v` prints none) the last parenthesis may be that of a receiver, and is not at the end.
        return line[:opened][:NAME_LENGTH] if opened > 0 else line[:NAME_LENGTH]
    return line[:NAME_LENGTH]
