"""The row changes that are to be put back for the request that runs, and what became of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PUT_BACK = ""
"""It was there as it was recorded, and is as it was before."""
NOT_NEEDED = None
"""It is as it was before."""
NO_TABLE = "there is no such table"
Verdict = str | None
"""One of these, or why it was not put back."""


@dataclass(frozen=True)
class Value:
    """What a column held: a JSON value, and of which type of Python's it was, where JSON has none for that."""

    kind: str
    value: Any


Columns = Mapping[str, Value]


@dataclass(frozen=True)
class Change:
    number: int
    table: str
    operation: str
    key: Columns
    before: Columns
    after: Columns
    untold_before: Mapping[str, str]
    """Why what a column held is not known."""
    why_not: str
    """Why nobody need try; empty to try."""


_all: list[dict[str, Any]] = []
_now: list[Change] = []
_spare: list[Change] = []
_verdicts: dict[int, Verdict] = {}
_quietened: set[str] = set()


def learn(told: list[dict[str, Any]]) -> None:
    """All changes of the requests that this process may be asked for, the newest first."""
    _all[:] = told


def begin(job: dict[str, Any]) -> None:
    """For this request: what it wrote, and what was written to its database since it began."""
    _verdicts.clear()
    _quietened.clear()
    _now.clear()
    _spare.clear()
    for number, told in _of(job):
        (_spare if told["spare"] else _now).append(_change(number, told))


def would_begin(job: dict[str, Any]) -> bool:
    """Whether there is anything to put back for it."""
    return any(not told["spare"] for _, told in _of(job))


def _of(job: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Other databases, of other services, may have rows of the same names."""
    mine = job["request_id"]
    databases = {told["database"] for told in _all if told["request_id"] == mine} - {""}
    for number, told in enumerate(_all):
        is_beside = told["service"] == job["service"] or told["database"] in databases
        if told["request_id"] == mine or (told["committed_ns"] >= job["started_ns"] and is_beside):
            yield number, told


def _change(number: int, told: dict[str, Any]) -> Change:
    def columns(name: str) -> dict[str, Value]:
        return {column: Value(kind, value) for column, (kind, value) in told[name].items()}

    return Change(
        number=number,
        table=told["table"],
        operation=told["operation"],
        key=columns("key"),
        before=columns("before"),
        after=columns("after"),
        untold_before=told["untold_before"],
        why_not=told["why_not"],
    )


def to_put_back() -> list[Change]:
    return _now


def spare() -> list[Change]:
    """Of rows that others made later, which stay unless they refer to one that goes."""
    return _spare


def tried(verdicts: Mapping[int, Verdict]) -> None:
    """In one database; another one may hold the row."""
    for number, verdict in verdicts.items():
        known = _verdicts.get(number, NO_TABLE)
        if number not in _verdicts or known in (NO_TABLE, NOT_NEEDED) or verdict == PUT_BACK:
            _verdicts[number] = known if verdict == NO_TABLE and number in _verdicts else verdict


def quietened(table: str) -> None:
    """A row of it was put back without its triggers: what they wrote with it nobody recorded."""
    _quietened.add(table)


def told() -> dict[str, Any]:
    """By the numbers of the changes."""
    return {
        "triggers": sorted(_quietened),
        "put_back": [number for number, verdict in _verdicts.items() if verdict == PUT_BACK],
        "not_put_back": [[number, verdict] for number, verdict in _verdicts.items() if verdict],
    }
