"""What a log of git's with patches says: of each commit, the lines that it took out of files and put into them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

ATTRIBUTES = Path(__file__).with_name("attributes")
"""By these, git names the function that stands before a change in a Python file."""
OPTIONS = ("-p", "-U0", "--src-prefix=a/", "--dst-prefix=b/", "--format=%x01%H")
_COMMIT = re.compile(rb"^\x01([0-9a-f]{40,64})$", re.MULTILINE)
_FILE = re.compile(rb"^diff --git ", re.MULTILINE)
_NAMES = re.compile(r"^--- (?:a/(.*?)|/dev/null)\t?\n\+\+\+ (?:b/(.*?)|/dev/null)\t?$", re.MULTILINE)
_HUNK = re.compile(r"^@@ -\S+ \+\S+ @@ ?(.*)$", re.MULTILINE)


class Edit(Struct, frozen=True):
    """Lines that stand together, before and after, and what stands before them: a function's header, or nothing."""

    within: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


class Patched(Struct, frozen=True):
    """A file as a commit changed it. A path is None where there was no such file, or is none any more."""

    before: str | None
    path: str | None
    edits: tuple[Edit, ...]


def read(told: bytes) -> dict[str, tuple[Patched, ...]]:
    """The files of each commit; those whose names git has to quote are left out."""
    parts = _COMMIT.split(told)
    return {id.decode(): tuple(_files(patch)) for id, patch in zip(parts[1::2], parts[2::2], strict=True)}


def _files(patch: bytes) -> Iterator[Patched]:
    for file in _FILE.split(patch)[1:]:
        text = file.decode("utf-8", "surrogateescape")
        if (names := _NAMES.search(text)) is not None:
            parts = _HUNK.split(text[names.end() :])
            edits = tuple(_edit(within, body) for within, body in zip(parts[1::2], parts[2::2], strict=True))
            yield Patched(names[1], names[2], edits)


def _edit(within: str, body: str) -> Edit:
    lines: Sequence[str] = body.split("\n")
    return Edit(
        within,
        tuple(line[1:] for line in lines if line.startswith("-")),
        tuple(line[1:] for line in lines if line.startswith("+")),
    )
