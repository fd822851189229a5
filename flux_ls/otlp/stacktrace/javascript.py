"""What `error.stack` says in V8 (Node, Deno, Chrome, Edge), JavaScriptCore and Firefox, and what Node's `util.inspect`
adds: `[cause]` and the `[errors]` of an AggregateError.

Engines print innermost first. The message that was recorded with the stack is stepped over. Where it is not known
(causes, or when the stack says something else) the last unbroken run of frames counts.
"""

import re
from urllib.parse import unquote

from flux_ls.model import Frame, Raised

from .in_app import InAppRule
from .kept import (
    EXCEPTIONS_KEPT,
    FRAMES_KEPT_INNER,
    FRAMES_KEPT_OUTER,
    MEMBERS_KEPT,
    NAME_LENGTH,
    PATH_LENGTH,
    Ends,
)

_AT = re.compile(r"( *)at (\S.*)$")
_PROPERTY = re.compile(r"( *)\[(cause|errors)\]: ")
_MATCHING = re.compile(r" *\.\.\. (\d{1,6}) lines matching cause stack trace \.\.\.$")
_HEAD = re.compile(r"[^\W\d][\w$.]{0,200}(?: \[[^\]\n]{0,200}\])?(?:: |\]?[ ,{]*$)")
_CODE = re.compile(r" \[[A-Z0-9_]+\]$")
_EVAL_ORIGIN = re.compile(r"\(([^()]+:\d+:\d+)\)")
_DEEPEST = 2 * 64
"""Columns of indentation up to which causes of causes are followed."""


class _Section:
    """One error as printed; `indent` is the column of the property that it is, 0 for the recorded one."""

    __slots__ = (
        "begins", "cause", "closed", "earlier", "indent", "matched", "members", "message_ends", "restore", "run", "type"
    )  # fmt: skip

    def __init__(self, indent: int, begins: int, type: str = "") -> None:
        self.indent = indent
        self.begins = begins
        self.message_ends = -1
        self.type = type
        self.run: list[Frame] = []
        """Frames without another line between them, innermost first."""
        self.earlier: list[Frame] = []
        """The run before: it counts when the text ends with something else."""
        self.restore: tuple[int, int] | None = None
        """After how many frames how many of the cause's belong."""
        self.closed = False
        """Whether all frames have been seen."""
        self.matched = False
        """Whether the message is the recorded one, so that nothing before the first frame is in doubt."""
        self.cause: _Section | None = None
        self.members: list[_Section] = []


def parse_javascript(text: str, type: str, message: str, rule: InAppRule) -> Raised:
    """The recorded error with what led to it, where the text tells it."""
    top, at = _top(text, message)
    _Inspected(text, rule, top).read(at)
    raised = _raised(text, top)
    frames = raised.frames or tuple(_at_sign_frames(text, at, rule))
    return Raised(type or raised.type, message or raised.message, frames, cause=raised.cause, members=raised.members)


def _top(text: str, message: str) -> tuple[_Section, int]:
    """The section of the recorded error, and where its frames begin."""
    end = text.find("\n")
    end = len(text) if end < 0 else end
    if message:
        # The first line has it, or the one after the excerpt that Node prints of an uncaught error's source.
        found = text.find(f": {message}")
        after = found + 2 + len(message)
        if found >= 0 and (text[after : after + 1] in ("", "\n", "\r") or text.startswith((" {", "]"), after)):
            begins = text.rfind("\n", 0, found) + 1
            section = _Section(0, begins, text[begins:found].strip()[-NAME_LENGTH:])
            section.matched = True
            following = text.find("\n", after)
            return section, following + 1 if following >= 0 else len(text)
    first = text[: min(end, PATH_LENGTH)]
    if _AT.match(first):
        return _Section(0, 0), 0
    section = _Section(0, 0)
    section.matched = not message and ": " not in first
    return section, min(end + 1, len(text))


class _Inspected:
    """Reads the lines after the first header into sections."""

    def __init__(self, text: str, rule: InAppRule, top: _Section) -> None:
        self.text = text
        self.rule = rule
        self.open: dict[int, _Section] = {0: top}
        self.current = top
        self.element = -1
        """The column where a member of `[errors]` may begin; -1 when none may."""
        self.owner: _Section | None = None
        self.left = EXCEPTIONS_KEPT

    def read(self, at: int) -> None:
        text = self.text
        while at < len(text):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            if end - at <= PATH_LENGTH + NAME_LENGTH:
                self.line(text[at:end].rstrip("\r"), at)
            elif not self.current.closed:
                self.text_line("?")
            at = end + 1

    def line(self, line: str, at: int) -> None:
        current = self.current
        found = _AT.match(line)
        if found and not current.closed and (current.indent == 0 or len(found[1]) == current.indent + 4):
            self.frame(found[2], at)
            return
        matching = _MATCHING.match(line)
        if matching and not current.closed:
            current.restore = (len(current.run), int(matching[1]))
            return
        indent = len(line) - len(line.lstrip(" "))
        found = _PROPERTY.match(line) if current.closed and indent <= _DEEPEST else None
        if found:
            self.property(found, line, at)
        elif (
            current.closed
            and self.element == indent
            and self.owner is not None
            and line[indent : indent + 1] not in ("}", "]", "")
        ):
            owner = self.owner
            if self.begin(indent, line[indent:], at + indent) and len(owner.members) < MEMBERS_KEPT:
                owner.members.append(self.current)
        elif current.closed:
            if line.endswith("},"):
                self.next_element(indent)
        elif current.run and indent < current.indent and line.strip() in ("}", "},", "]", "],"):
            current.closed = True
            if line.endswith("},"):
                self.next_element(indent)
        else:
            self.text_line(line)

    def frame(self, said: str, at: int) -> None:
        current = self.current
        frame = _frame(said.removesuffix(" {").removesuffix(","), self.rule)
        if frame is not None:
            if not current.run:
                current.message_ends = at - 1
            current.run.append(frame)
            if len(current.run) > FRAMES_KEPT_INNER + FRAMES_KEPT_OUTER:
                del current.run[FRAMES_KEPT_INNER]
        if said.endswith((" {", ",")):
            current.closed = True
            if said.endswith(","):
                self.next_element(current.indent)

    def text_line(self, line: str) -> None:
        """A line that is no frame: the frames have ended, or it and all before are a message."""
        current = self.current
        if current.matched and current.run:
            current.closed = True
        elif current.run and line.strip(" }],"):
            current.earlier, current.run = current.run, []

    def property(self, found: re.Match[str], line: str, at: int) -> None:
        indent = len(found[1])
        parent = self.open.get(indent - 2)
        if parent is None:
            return
        if found[2] == "errors":
            self.owner, self.element = parent, indent + 2
        elif self.begin(indent, line[found.end() :], at + found.end()):
            parent.cause = self.current

    def begin(self, indent: int, head: str, at: int) -> bool:
        """Begins the error whose header is `head`, unless that is some other value."""
        bracketed = head.startswith("[")
        if self.left <= 0 or not _HEAD.match(head, int(bracketed)):
            return False
        self.left -= 1
        self.element = -1
        self.current = _Section(indent, at + int(bracketed))
        if bracketed:  # it has no frames
            self.current.closed = True
            told = head.removesuffix(" {").removesuffix(",").removesuffix("]")
            self.current.message_ends = at + len(told)
        self.open = {column: section for column, section in self.open.items() if column < indent}
        self.open[indent] = self.current
        if bracketed and head.endswith(","):
            self.next_element(indent)
        return True

    def next_element(self, indent: int) -> None:
        """After a comma: the next member of the same array may follow in the same column."""
        owner = self.open.get(indent - 4)
        if owner is not None and owner.members:
            self.owner, self.element = owner, indent


def _raised(text: str, section: _Section) -> Raised:
    cause = _raised(text, section.cause) if section.cause is not None else None
    frames = section.run or section.earlier
    if section.restore is not None and cause is not None:
        frames = _restored(frames, section.restore, cause.frames[::-1])
    ends = section.message_ends
    if ends < 0:
        ends = text.find("\n", section.begins)
        ends = len(text) if ends < 0 else ends
    printed, _, said = text[section.begins : ends].removeprefix("Uncaught ").partition(": ")
    if "\n" in printed:
        printed, said = "", ""
    printed = _CODE.sub("", printed.removesuffix(" {").removesuffix("\r")[:NAME_LENGTH])
    return Raised(
        section.type or printed, said.replace("\n" + " " * section.indent, "\n") if section.indent else said,
        tuple(reversed(frames)), cause=cause, members=tuple(_raised(text, member) for member in section.members),
    )  # fmt: skip


def _restored(frames: list[Frame], restore: tuple[int, int], cause: tuple[Frame, ...]) -> list[Frame]:
    """Node leaves out what a stack has in common with its cause's, but for the first and last line of it."""
    at, count = restore
    if 0 < at < len(frames):
        for begin, frame in enumerate(cause[: -count - 1] if count else ()):
            if frame == frames[at - 1] and cause[begin + count + 1] == frames[at]:
                return [*frames[:at], *cause[begin + 1 : begin + count + 1], *frames[at:]]
    return frames


def _frame(said: str, rule: InAppRule) -> Frame | None:
    """One line after `at `; None when it is none."""
    said = said.strip().removeprefix("async ")
    function, place = "", said
    if said.endswith(")"):
        function, opened, rest = said.partition(" (")
        if not opened:
            return None
        place = rest[:-1]
    if place.startswith("eval at "):
        origin = _EVAL_ORIGIN.search(place)
        if origin is not None:
            place = origin[1]
    if function.endswith("]"):
        function = function.partition(" [as ")[0]
    path, line, column = _place(place)
    if line == 0 and not function and not path.startswith("<"):
        return None
    return _made(path, line, column, function, rule)


def _made(path: str, line: int, column: int | None, function: str, rule: InAppRule) -> Frame:
    in_app = line > 0 and rule.matches(path, function, "javascript")
    return Frame(path, line, function[:NAME_LENGTH], in_app, column=column, language="javascript")


def _place(place: str) -> tuple[str, int, int | None]:
    """Path, line (0: not told) and column of `path:line:column`, `path:line` or `path`."""
    numbers: list[int] = []
    while len(numbers) < 2:
        rest, colon, digits = place.rpartition(":")
        if not colon or not digits.isdecimal() or not digits.isascii() or len(digits) > 9:
            break
        numbers.append(int(digits))
        place = rest
    path = _decoded(place)
    if not numbers:
        return path, 0, None
    if len(numbers) == 1:
        return path, numbers[0], None
    return path, numbers[1], numbers[0] or None


_BUNDLED = re.compile(r"(?:webpack|webpack-internal|turbopack|rollup|vite|ng|parcel|esbuild|meteor)://")
_LAYER = re.compile(r"^/*(?:\([\w-]+\)/|\[project\]/)?(?:\./)*")


def _decoded(place: str) -> str:
    """The path that a URL names: of a file, of a bundler's source, or on a development server."""
    scheme, slashes, rest = place.partition("://")
    if not slashes:
        return unquote(place[5:]) if place.startswith("file:/") else place
    if scheme == "file":
        host, slash, path = rest.partition("/")
        decoded = unquote(slash + path)
        if re.match(r"/[A-Za-z]:/", decoded):
            return decoded[1:]
        return f"//{host}{decoded}" if host and host != "localhost" else decoded
    if _BUNDLED.match(place):
        path = rest.partition("/")[2].partition("?")[0]
        return unquote(_LAYER.sub("", path, count=1))
    if scheme in ("http", "https", "app", "capacitor"):
        _, slash, path = rest.partition("/")
        return unquote(re.split(r"[?#]", slash + path, maxsplit=1)[0])
    return place


_AT_SIGN = re.compile(r"([^@\n]*)@([^\n]*:\d{1,9}(?::\d{1,9})?)$")


def _at_sign_frames(text: str, at: int, rule: InAppRule) -> list[Frame]:
    """Firefox and JavaScriptCore: `function@url:line:column`, without a header."""
    kept: Ends[Frame] = Ends(FRAMES_KEPT_INNER, FRAMES_KEPT_OUTER)
    at = 0 if _AT_SIGN.match(text.partition("\n")[0][:PATH_LENGTH]) else at
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        found = _AT_SIGN.match(text[at:end].rstrip("\r")) if end - at <= PATH_LENGTH else None
        if found:
            function = found[1].rpartition("*")[2].rstrip("/<")
            path, line, column = _place(found[2])
            kept.add(_made(path, line, column, function, rule))
        at = end + 1
    return kept.kept()[::-1]
