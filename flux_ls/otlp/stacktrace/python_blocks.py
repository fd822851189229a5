"""What `traceback.format_exception` prints, back to exceptions: CPython 3.8 to 3.14, `exceptiongroup`, PyPy.

The text is parsed forwards, block by block: header, frames, the line with the type, message, notes, then the
sentence that joins it to the next block. Messages are the difficulty, because they may contain anything, also
text that looks like frames, headers and joining sentences:

- The message of the recorded exception is known. It is stepped over as a whole; nothing is parsed out of it.
  The last block with this type and message is the recorded exception; what follows it are its notes.
- Messages of what led to it are not known. One ends where a joining sentence stands between blank lines *and* a
  proper block begins after it; frames and headers in it without that are message text.
- Inside an exception group every line of a message carries the margin of its depth, so there only joining
  sentences could mislead, nothing else.
"""

import re
import textwrap

from flux_ls.model import Frame, Raised

from .in_app import InAppRule
from .kept import (
    EXCEPTIONS_KEPT,
    FRAMES_KEPT_INNER,
    FRAMES_KEPT_OUTER,
    GROUP_DEPTH_KEPT,
    LINE_COST,
    LINKS_KEPT_INNER,
    LINKS_KEPT_OUTER,
    LONG_RUN,
    MEMBERS_KEPT,
    NAME_LENGTH,
    PATH_LENGTH,
    READ_LENGTH,
    SOURCE_LENGTH,
    Ends,
)
from .python_links import Block, Join, linked, same_type

HEADER = "Traceback (most recent call last):"
_GROUP_HEADER = "Exception Group Traceback (most recent call last):"
SENTENCES: dict[str, Join] = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
_BLOCK_BEGINS = (
    r"(?:Traceback \(most recent call last\):\n  File \""
    r"|  \+ Exception Group Traceback \(most recent call last\):\n  \|   File \""
    r"|  \| [\w.<>]+(?::[ \n]|\n)"
    r"|  File \"[^\n]*\", line \d+\n"
    r"|[^\W\d][\w.<>]*(?::[ \n]|\n|\Z))"
)
_JOINT = re.compile(r"\n\n(" + "|".join(map(re.escape, SENTENCES)) + r")\n\n(?=" + _BLOCK_BEGINS + ")")
_BEGINNINGS = (f'{HEADER}\n  File "', f'  + {_GROUP_HEADER}\n  |   File "')
_INNER_BEGINS = re.compile(
    r"(?:Exception Group )?Traceback \(most recent call last\):$|  File \".*\", line \d+$|[^\W\d][\w.<>]*(?:: |$)"
    r"|\.\.\. \(max_group_depth is"
)
_FRAME = re.compile(r'  File "(.*)", line (\d{1,9}|None)(?:, in (.*))?$')
_FRAME_BEGINS = '\n  File "'
_RUN_ENDS = re.compile(r'\n(?!    |  File "|  \[Previous line repeated )')
_MARKS = re.compile(r"[ ~^]*$")
TYPE = re.compile(r"[^\W\d][\w.<>]*$")
_SUGGESTION = re.compile(r"\. (?:Did you mean|Did you forget|Or did you forget)[^\n]*(?=\n|\Z)")
_FIRST_MEMBER = re.compile(r" *\+-\+-{16} \d+ -{16}$")
_MEMBER = re.compile(r" *\+-{16} (\d+|\.\.\.) -{16}$")
_CLOSED = re.compile(r" *\+-{36}$")
_REMOTE = "RemoteTraceback"


class Parser:
    """Walks over the text by offsets, each line once."""

    def __init__(self, text: str, type: str, message: str, rule: InAppRule) -> None:
        self.text = text
        self.type = type
        self.message = message
        self.rule = rule
        self.exceptions_left = EXCEPTIONS_KEPT
        self.stepped_over = False
        """Whether links in the middle of a long chain were."""
        self.compare_left = 8 * len(text) + 1000
        """Characters of the message that may still be compared: hostile text could repeat its beginning."""
        self.left = 2 * READ_LENGTH
        """Characters of lines that may still be looked at; of a long line only its beginning counts."""
        self.is_ours: dict[tuple[str, str], bool] = {}

    def line(self, at: int) -> tuple[str, int]:
        """The line that begins at `at`, and where the next one does."""
        end, after = self.ends_at(at)
        return self.text[at:end], after

    def chain(self, at: int, depth: int) -> tuple[list[Block], int]:
        """Blocks joined by sentences, all at one depth of exception groups; first what happened first."""
        blocks: list[Block] = []
        joined: Join | None = None
        while at < len(self.text) and self.left > 0:
            block, after = self.block(at, depth)
            if after == at:
                break
            block.joined = joined
            if self.exceptions_left > 0 or block.matched:
                self.exceptions_left -= 1
                blocks.append(block)
                if len(blocks) > LINKS_KEPT_INNER + LINKS_KEPT_OUTER:
                    del blocks[LINKS_KEPT_INNER]
            at = after
            sentence = self.sentence(at, depth)
            if sentence is None:
                break
            joined, at = sentence
            if self.exceptions_left == 0 and depth == 0 and not self.stepped_over:
                joined, at = self.last_links(at) or sentence
        return blocks, at

    def last_links(self, at: int) -> tuple[Join, int] | None:
        """Of a chain that is too long to be kept, where the last few begin, one of which is the recorded exception."""
        self.stepped_over = True
        if any(sentence in self.message for sentence in SENTENCES):
            return None
        begins = len(self.text)
        for _ in range(LINKS_KEPT_OUTER):
            begins = max(self.text.rfind(f"\n\n{sentence}\n\n", at, begins) for sentence in SENTENCES)
            if begins < 0:
                return None
        self.exceptions_left = LINKS_KEPT_OUTER
        return self.sentence(begins + 1, 0)

    def sentence(self, at: int, depth: int) -> tuple[Join, int] | None:
        """The joining sentence with its blank lines at `at`, and where the next block begins."""
        if depth == 0:
            found = _JOINT.match(self.text, at - 1) if at else None
            return (SENTENCES[found[1]], found.end()) if found else None
        margin = _margin(depth)
        blank, after = self.line(at)
        if blank.rstrip() != margin.rstrip() or not self.text.startswith(margin, after):
            return None
        said, after = self.line(after)
        join = SENTENCES.get(said[len(margin) :])
        if join is None:
            return None
        blank, after = self.line(after)
        if blank.rstrip() != margin.rstrip():
            return None
        begins, _ = self.line(after)
        if after < len(self.text) and not (begins.startswith(margin) and _INNER_BEGINS.match(begins, len(margin))):
            return None
        return join, after

    def block(self, at: int, depth: int) -> tuple[Block, int]:
        """One exception. Returns `at` itself when there is none."""
        block = Block()
        top_group = depth == 0 and self.text.startswith(("  + " + _GROUP_HEADER, "  | "), at)
        group_depth = depth or 1
        margin = _margin(group_depth if top_group else depth)
        first, after = self.line(at)
        if first in (f"  + {_GROUP_HEADER}", f"{margin}{_GROUP_HEADER}", margin + HEADER):
            at = after
        at = self.frames(block, at, margin)
        if at < len(self.text) and self.text.startswith(margin, at):
            at = self.head(block, at, margin, depth)
        if (top_group or depth) and _FIRST_MEMBER.match(self.line(at)[0]):
            at = self.members(block, at, group_depth)
        return block, at

    def frames(self, block: Block, at: int, margin: str) -> int:
        kept: Ends[Frame] = Ends(FRAMES_KEPT_OUTER, FRAMES_KEPT_INNER)
        if not margin and len(self.text) - at > LONG_RUN:
            outer, inner = self.middle(at)
            if inner > outer:
                self.run(kept, at, outer, margin)
                at = inner
        at = self.run(kept, at, len(self.text), margin)
        block.frames = kept.kept() if self.exceptions_left > 0 else []
        return at

    def middle(self, at: int) -> tuple[int, int]:
        """The lines of a long run of frames that tell of none that is kept; nothing when the run is short."""
        text = self.text
        found = _RUN_ENDS.search(text, at)
        end = len(text) if found is None else found.start() + 1
        if end - at <= LONG_RUN:
            return at, at
        outer = at - 1
        for _ in range(FRAMES_KEPT_OUTER + 1):
            outer = text.find(_FRAME_BEGINS, outer + 1, end)
            if outer < 0:
                return at, at
        inner = end
        for _ in range(FRAMES_KEPT_INNER + 1):
            inner = max(outer, text.rfind(_FRAME_BEGINS, outer, inner))
        return outer + 1, inner + 1

    def run(self, kept: Ends[Frame], at: int, stop: int, margin: str) -> int:
        """Adds the frames up to `stop`, or to where something else begins; returns where that is."""
        text, width = self.text, len(margin)
        place: re.Match[str] | None = None
        source: str | None = None
        sought = False
        while at < stop and text.startswith(margin, at) and self.left > 0:
            if not text.startswith("  ", at + width):
                break
            line, after = self.line(at)
            ends_here = after == len(text) and not text.endswith("\n")
            if text.startswith("    ", at + width):
                # Of a statement over several lines the first is the one that the line number means.
                if sought and not ends_here:
                    source = self.source(line, margin)
                    sought = False
            elif text.startswith('  File "', at + width):
                if place is not None:
                    kept.add(self.frame(place, source))
                place = None if ends_here or len(line) > PATH_LENGTH + NAME_LENGTH else _FRAME.match(line, width)
                source, sought = None, place is not None
            elif text.startswith("  [Previous line repeated ", at + width):
                sought = False
            else:
                break
            at = after
        if place is not None:
            kept.add(self.frame(place, source))
        return at

    def frame(self, place: re.Match[str], source: str | None) -> Frame:
        path, line, function = place[1], place[2], place[3] or ""
        number = 0 if line == "None" else int(line)
        in_app = self.is_ours.get((path, function))
        if in_app is None:
            in_app = self.is_ours[path, function] = self.rule.matches(path, function, "python")
        in_app = in_app and number > 0
        return Frame(path, number, function[:NAME_LENGTH], in_app, source=source)

    def source(self, line: str, margin: str) -> str | None:
        if len(line) > SOURCE_LENGTH:
            return None
        found = line[len(margin) :].strip()
        return found if found and not _MARKS.match(found) else None

    def head(self, block: Block, at: int, margin: str, depth: int) -> int:
        """The line with the type, and message and notes up to whatever follows."""
        line, after = self.line(at)
        line = line[len(margin) :]
        if not line:
            return at
        colon = line.find(": ")
        if colon < 0 and line.endswith(":"):  # a message that begins with a blank line, blanks at line ends lost
            colon = len(line) - 1
        block.type = (line if colon < 0 else line[:colon])[:NAME_LENGTH]
        block.whole = True
        begins = at + len(margin) + (len(line) if colon < 0 else min(colon + 2, len(line)))
        stepped = begins if margin else self.remote_end(block.type, begins)
        told = self.given_end(begins, margin, depth, block.type) if (colon >= 0) == bool(self.message) else None
        if told is not None:
            block.matched, block.message, stepped = True, self.message, told[0]
        notes_begin = told[1] if told else stepped
        end, after = self.message_end(stepped, margin, depth)
        if not margin and not (told and self.text.endswith("\n")):
            end = self.without_cut_sentence(stepped, end)
        if told is None:
            block.message = _without_margin(self.text[begins:end], margin)
        else:
            block.notes_begin = notes_begin
            said = _without_margin(self.text[notes_begin:end], margin)
            block.notes = note_lines(said)
        return after

    def given_end(self, begins: int, margin: str, depth: int, printed: str) -> tuple[int, int] | None:
        """Where the given message ends if it stands at `begins`; twice, the second before any suggestion."""
        if depth or (self.type and not same_type(self.type, printed)):
            return None
        text, message = self.text, self.message
        if not message:
            return (begins, begins) if text.startswith("\n", begins) or begins >= len(text) else None
        if margin:
            message = textwrap.indent(f"x: {message}\n", margin, lambda _: True)[len(margin) + 3 : -1]
        end = begins + len(message)
        if not text.startswith(message[:200], begins) or len(message) > self.compare_left:
            return None
        self.compare_left -= len(message)
        if not text.startswith(message, begins):
            return None
        if end >= len(text) or text[end] == "\n":
            return end, end
        suggestion = _SUGGESTION.match(text, end)
        return (suggestion.end(), end) if suggestion else None

    def remote_end(self, printed: str, begins: int) -> int:
        '''The end of what a worker process sent: a whole stack as a message, between lines of """.'''
        text = self.text
        if not printed.endswith(_REMOTE) or not text.startswith('\n"""\n', begins):
            return begins
        end = text.find('\n"""\n', begins + 4)
        return begins if end < 0 else end + 4

    def message_end(self, at: int, margin: str, depth: int) -> tuple[int, int]:
        """Where message and notes end, and where what follows begins; `at` is within their first line."""
        text = self.text
        if not margin:
            found = _JOINT.search(text, at)
            if found:
                return found.start(), found.start() + 1
            end = len(text) - 1 if text.endswith("\n") and at < len(text) else len(text)
            return end, len(text)
        end, at = self.ends_at(at)
        while at < len(text) and text.startswith(margin.rstrip(), at) and self.left > 0:
            if not text.startswith(margin, at) and text[at : self.ends_at(at)[0]] != margin.rstrip():
                break
            if depth and self.sentence(at, depth) is not None:
                break
            end, at = self.ends_at(at)
        return end, at

    def ends_at(self, at: int) -> tuple[int, int]:
        """The end of the line around `at`, and where the next line begins."""
        end = self.text.find("\n", at)
        end, after = (len(self.text), len(self.text)) if end < 0 else (end, end + 1)
        self.left -= LINE_COST + min(after - at, PATH_LENGTH + NAME_LENGTH)
        return end, after

    def without_cut_sentence(self, begins: int, end: int) -> int:
        """A stack may have been cut within a joining sentence: that is no part of the message before it."""
        if end < len(self.text) - 1:
            return end
        for sentence in SENTENCES:
            blank = self.text.rfind(f"\n\n{sentence[:4]}", max(begins, end - 200), end)
            rest = self.text[blank + 2 : end]
            if blank >= 0 and any(f"{sentence}\n\n{opening}".startswith(rest) for opening in _BEGINNINGS):
                return blank
        return end

    def members(self, block: Block, at: int, depth: int) -> int:
        """The numbered members of a group whose own lines stand at `depth`."""
        text = self.text
        inside = " " * (2 * depth + 2)
        members: list[Raised] = []
        _, at = self.line(at)
        while True:
            if depth <= GROUP_DEPTH_KEPT:
                blocks, at = self.chain(at, depth + 1)
                if blocks and len(members) < MEMBERS_KEPT:
                    if blocks[-1].whole and blocks[-1].type.startswith("... (max_group_depth is"):
                        blocks.pop()
                    if blocks:
                        last = blocks[-1]
                        members.append(linked(blocks[:-1], last, last.type, last.message, truncated=not last.whole))
            title = None
            while at < len(text) and text.startswith(inside, at) and self.left > 0:
                line, after = self.line(at)
                if line.startswith("+", len(inside)):
                    title = _MEMBER.match(line)
                    if title or _CLOSED.match(line):
                        at = after
                        break
                at = after
            if title is None:
                break
            if title[1] == "...":
                line, at = self.line(at)
                block.notes = (*block.notes, line[len(inside) + 2 :][:NAME_LENGTH])
        block.members = tuple(members)
        return at


def note_lines(said: str) -> tuple[str, ...]:
    """What follows a message. The boundaries between notes are not printed: each line counts as one."""
    return tuple(said.removeprefix(". ").removeprefix("\n").split("\n")) if said else ()


def _margin(depth: int) -> str:
    return " " * (2 * depth) + "| " if depth else ""


def _without_margin(said: str, margin: str) -> str:
    """Lines of a group without their margin, which also follows characters that only Python calls line ends."""
    if not margin:
        return said
    first, *rest = said.splitlines(keepends=True) or [""]
    blank = margin.rstrip()
    return first + "".join(
        line.removeprefix(margin) if line.startswith(margin) else line.removeprefix(blank) for line in rest
    )
