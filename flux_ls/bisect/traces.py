"""What `trace_run.py` wrote of a run: which functions and files of a checkout ran, and what was not run from there."""

import os
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct


class Place(Struct, frozen=True):
    """A function by its file in the checkout and its first line there, decorators included."""

    path: str
    line: int
    name: str


class Code(Struct, frozen=True):
    """Which lines of a piece of code ran."""

    path: str
    function: bool
    """Not what runs once, when a module is imported."""
    lines: tuple[int, ...]
    still: tuple[int, ...]
    """The others on which something begins."""


class Traced(Struct, frozen=True):
    """What ran, of all processes together."""

    calls: dict[Place, int]
    raised: frozenset[Place]
    """Through which an exception went."""
    fatal: frozenset[Place]
    """On the stack of an exception that ended the program, or of one that led to it."""
    imported: frozenset[str]
    elsewhere: dict[str, str]
    """Modules that the checkout has, and that were imported from somewhere else: name and file."""
    codes: tuple[Code, ...] = ()


class _Written(Struct):
    calls: list[tuple[str, int, str, int]]
    raised: list[tuple[str, int, str, int]]
    fatal: list[tuple[str, int, str, int]]
    imported: list[str]
    elsewhere: dict[str, str]
    codes: list[tuple[str, tuple[bool, tuple[int, ...], tuple[int, ...]]]]


def read_traces(out: Path, folder: Path) -> Traced | None:
    """None where no Python told anything."""
    written: list[_Written] = []
    for file in out.glob("*.json"):
        try:
            written.append(msgspec.json.decode(file.read_bytes(), type=_Written))
        except (OSError, msgspec.MsgspecError):
            continue
    if not written:
        return None
    calls: Counter[Place] = Counter()
    for each in written:
        for path, line, name, count in each.calls:
            calls[Place(_posix(path), line, name)] += count
    elsewhere = {name: file for each in written for name, file in each.elsewhere.items() if _has(folder, name)}
    return Traced(
        calls=dict(calls),
        raised=frozenset(Place(_posix(path), line, name) for each in written for path, line, name, _ in each.raised),
        fatal=frozenset(Place(_posix(path), line, name) for each in written for path, line, name, _ in each.fatal),
        imported=frozenset(_posix(path) for each in written for path in each.imported),
        elsewhere=elsewhere,
        codes=tuple(Code(_posix(path), *told) for each in written for path, told in each.codes),
    )


def _has(folder: Path, name: str) -> bool:
    return any(
        (folder / root / name / "__init__.py").is_file() or (root and (folder / root / f"{name}.py").is_file())
        for root in ("", "src", "lib")
    )


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")
