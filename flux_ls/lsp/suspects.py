"""Where a first bad commit shows: the lines that it changed in the functions that fail today."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from flux_ls.bisect.shapes import FirstBad, HunkShape
from flux_ls.model import Frame, LocatedFrame
from flux_ls.source.workspace import Workspace

MOST_LINES = 400
"""Of a commit's hunks, how many lines are looked for."""
_RANGE = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


class Suspicion(Struct, frozen=True):
    """What a bisect found out about an issue group."""

    fingerprint: str
    request_id: str
    root: str
    """Of the checkout that the hunks' paths are relative to."""
    first_bad: FirstBad
    hunks: tuple[HunkShape, ...]
    uri: str
    """Of the page that tells all of it."""


class Suspect(Struct, frozen=True):
    """Lines of today, from the first to the last, that the first bad commit wrote."""

    path: str
    first: LocatedFrame
    last_line: int
    text: str
    """Of the last line."""
    suspicion: Suspicion


def suspects(suspicion: Suspicion, workspace: Workspace, functions: Iterable[tuple[str, str]]) -> Iterator[Suspect]:
    """`functions` are today's failing ones, by path and name. A line that was written anew since is left out."""
    failing = set(functions)
    found: dict[tuple[str | None, int], LocatedFrame] = {}
    for frame in _frames(suspicion):
        located = workspace.locate(frame, 0)
        stays = located.path is not None and located.anchor in ("exact", "moved")
        if stays and (located.path, located.function) in failing:
            found.setdefault((located.path, located.line), located)
    block: list[LocatedFrame] = []
    for (path, line), located in sorted(found.items(), key=lambda each: each[0]):
        if block and (block[-1].path, block[-1].line + 1) != (path, line):
            yield _suspect(block, suspicion, workspace)
            block = []
        block.append(located)
    if block:
        yield _suspect(block, suspicion, workspace)


def _suspect(block: list[LocatedFrame], suspicion: Suspicion, workspace: Workspace) -> Suspect:
    path, last = block[0].path or "", block[-1].line
    lines = workspace.lines(Path(path))
    return Suspect(path, block[0], last, lines[last - 1] if last <= len(lines) else "", suspicion)


def _frames(suspicion: Suspicion) -> list[Frame]:
    """The lines that the commit wrote, as it left them."""
    revision = suspicion.first_bad.revision
    found = [
        Frame(
            path=str(Path(suspicion.root, hunk.path)),
            line=line,
            function=hunk.function or "<module>",
            in_app=True,
            source=text.strip() or None,
            revision=revision,
        )
        for hunk in suspicion.hunks
        for line, text in _written(hunk.diff)
        if text.strip()
    ]
    return found[:MOST_LINES]


def _written(diff: str) -> Iterator[tuple[int, str]]:
    """The lines that a hunk adds, with their numbers; where it only takes away, the line that came to stand there."""
    head, *lines = diff.split("\n")
    begins = _RANGE.match(head)
    if begins is None:
        return
    told = list(_numbered(lines, int(begins[1])))
    added = [(number, text) for kind, number, text in told if kind == "+"]
    yield from added or _after(told)


def _numbered(lines: Iterable[str], number: int) -> Iterator[tuple[str, int, str]]:
    for line in lines:
        kind, text = line[:1], line[1:]
        if kind in ("+", "-", " "):
            yield kind, number, text
        number += kind in ("+", " ")


def _after(lines: list[tuple[str, int, str]]) -> Iterator[tuple[int, str]]:
    removed = False
    for kind, number, text in lines:
        if kind == " " and removed:
            yield number, text
        removed = kind == "-"
