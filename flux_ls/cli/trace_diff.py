"""`flux trace diff`: what differs between two requests, and whether that is a fix."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click
from msgspec import Struct

from flux_ls.analysis.diff.paths import read, written
from flux_ls.answers.diff import Diff, FieldShape, NothingToCompare, RowDiff, SpanDiff, diff, diff_with_good
from flux_ls.answers.shapes import RowShape, SpanShape, to_json
from flux_ls.answers.values import bare, pairs
from flux_ls.answers.words import counted, is_proven
from flux_ls.cli.completing import complete_id
from flux_ls.cli.failures import BAD_NEWS, NOT_FOUND, OK, complain
from flux_ls.cli.options import Session, command_options, given_ids
from flux_ls.cli.phrases import latency
from flux_ls.cli.requests import NO_NAME, request_line
from flux_ls.cli.terminal import Paint, Terminal, first_line, plain, wrapped
from flux_ls.record import wire

SPANS_SHOWN = 40
FIELDS_SHOWN = 12
ROWS_SHOWN = 40
_VALUE = 160
_VERDICTS: dict[str, tuple[str, Paint]] = {
    "FIXED": ("✔", "good"),
    "REGRESSED": ("✗", "bad"),
    "CHANGED": ("~", "warn"),
    "IDENTICAL": ("=", "good"),
}
_OUTCOMES = {"committed": "committed", "rolled_back": "rolled back", "unknown": "outcome unknown"}
_NAMES = {"duration_ms": "duration"}
_OUTCOME = written(("attributes", wire.OUTCOME))
_STATUS_CODE = written(("attributes", "http.response.status_code"))
_TIMED_OUT = ("timeout", "timed out", "deadline exceeded")

EPILOG = """\b
Examples:
  flux trace diff 550e8400 7b1d3f9a
  flux trace diff 550e          against the last good request of its route
  flux trace diff 550e 7b1d --json | jq .verdict

\b
Exits with 1 when the second request fails and the first one did not.
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID [ID]", shell_complete=complete_id)
@click.option("--all", "everything", is_flag=True, help="Also show what differs in ids, times and other noise.")
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(session: Session, ids: tuple[str, ...], everything: bool) -> int:
    """Compare two requests.

    Span by span and row by row: what was added, removed or changed, and whether that is a fix. What differs between
    any two runs (ids, times, ports) is folded away. One ID alone is compared with the last good request of its route.
    """
    given = list(given_ids(ids))
    if len(given) not in (1, 2):
        raise click.UsageError(f"it takes two ids to compare, or one; these are {len(given)}")
    with session.reader() as reader:
        try:
            if len(given) == 1:
                answer = diff_with_good(reader, session.workspace, given[0])
            else:
                answer = diff(reader, session.workspace, given[0], given[1])
        except NothingToCompare as error:
            complain(str(error))
            return NOT_FOUND
    if session.as_json:
        session.terminal.json(to_json(answer))
    else:
        show(session.terminal, answer, everything=everything)
    return BAD_NEWS if answer.verdict == "REGRESSED" else OK


def show(terminal: Terminal, answer: Diff, *, everything: bool = False) -> None:
    terminal.say()
    terminal.say("  Comparing traces…")
    terminal.say()
    terminal.say(f"  - {request_line(terminal, answer.before)}{_chosen(terminal, answer, 'before')}")
    terminal.say(f"  + {request_line(terminal, answer.after)}{_chosen(terminal, answer, 'after')}")
    blocks = [block for block in _blocks(answer, everything=everything) if block.lines]
    _section(terminal, "Span diff", blocks, SPANS_SHOWN)
    _section(terminal, "Mutation diff", list(_row_blocks(answer, everything=everything)), ROWS_SHOWN)
    repeated = sum(field.repeats for span in answer.spans for field in span.fields if not span.noise)
    muted = [f"{counted(answer.muted, 'difference')} in ids and timings"] if answer.muted else []
    muted += [f"{repeated:,} that {'repeats' if repeated == 1 else 'repeat'} another"] if repeated else []
    if muted and not everything:
        terminal.say()
        for line in wrapped(f"{' and '.join(muted)} not shown; --all shows them", terminal.width, "  "):
            terminal.say(terminal.paint(line, "dim"))
    mark, paint = _VERDICTS[answer.verdict if is_proven(answer.verdict, answer.given) else "CHANGED"]
    terminal.say()
    for line in wrapped(f"{mark} {first_line(answer.summary)}", terminal.width, "  ", "  "):
        terminal.say(terminal.paint(line, paint))
    terminal.say()


_NONE = object()


class _Line(Struct, frozen=True):
    mark: str
    text: str
    note: str = ""
    dim: bool = False


class _Block(Struct, frozen=True):
    """A span or a row with what differs. Without a title it is one that is new or gone."""

    title: str
    lines: tuple[_Line, ...]


def _chosen(terminal: Terminal, answer: Diff, side: str) -> str:
    return "  " + terminal.paint("the last good request of its route", "dim") if answer.chosen == side else ""


def _section(terminal: Terminal, title: str, blocks: list[_Block], limit: int) -> None:
    if not blocks:
        return
    terminal.say()
    terminal.say("  " + terminal.paint(title, "title"))
    for block in blocks[:limit]:
        if block.title:
            terminal.say(f"  {block.title}")
        for line in block.lines:
            terminal.say(f"  {_painted(terminal, line)}")
    if len(blocks) > limit:
        terminal.say(f"  … {len(blocks) - limit:,} more; --json has them all")


def _painted(terminal: Terminal, line: _Line) -> str:
    paint: Paint = "dim" if line.dim else "good" if line.mark == "+" else "bad" if line.mark == "-" else "warn"
    note = f"  {terminal.paint(line.note, 'dim')}" if line.note else ""
    return terminal.paint(f"{line.mark} {line.text}", paint) + note


def _blocks(answer: Diff, *, everything: bool) -> Iterator[_Block]:
    shown = [each for each in answer.spans if everything or not each.noise]
    for change, group in groupby(shown, key=lambda each: each.change):
        if change in ("added", "removed"):
            # Those of one name that came or went together, as in a loop, count as one.
            by_name: dict[tuple[object, ...], list[SpanDiff]] = {}
            for each in group:
                error = None if (span := each.after or each.before) is None else span.error
                by_name.setdefault((_name(each), each.noise, error), []).append(each)
            for each, *others in by_name.values():
                yield _come_or_gone(each, len(others) + 1)
        else:
            for each in group:
                yield _Block(_name(each), tuple(_field_lines(each, everything=everything)))


def _name(difference: SpanDiff) -> str:
    span = difference.after or difference.before
    return (plain(span.name) if span is not None else "") or NO_NAME


def _come_or_gone(difference: SpanDiff, count: int) -> _Block:
    span = difference.after or difference.before
    mark, note = ("+", "new span") if difference.change == "added" else ("-", "gone")
    text = _name(difference) if count == 1 else f"{_name(difference)}  x{count:,}"
    took = f"  {latency(span.duration_ms)}" if span is not None and count == 1 else ""
    lines = [_Line(mark, text + took, f"({note})", dim=difference.noise)]
    if span is not None and span.error is not None:
        lines.append(_Line(mark, f"error: {first_line(span.error)}"))
    return _Block("", tuple(lines))


def _field_lines(difference: SpanDiff, *, everything: bool) -> Iterator[_Line]:
    fields = [field for field in difference.fields if everything or not field.noise]
    if any(field.path == "error" for field in fields):
        # The status only repeats it.
        fields = [field for field in fields if field.path != "status"]
    if not everything:
        # The rows tell the one, the recorded answer the other.
        answered = any(field.path in ("output", "output.status") for field in fields)
        told = (_OUTCOME, _STATUS_CODE) if answered else (_OUTCOME,)
        fields = [field for field in fields if field.path not in told and not field.repeats]
    fields.sort(key=lambda field: field.noise)
    for field in fields[:FIELDS_SHOWN]:
        yield from _lines_of(field, difference.before, difference.after)
    if len(fields) > FIELDS_SHOWN:
        yield _Line("~", f"… {len(fields) - FIELDS_SHOWN:,} more; --json has them all")


def _lines_of(field: FieldShape, before: SpanShape | None, after: SpanShape | None) -> Iterator[_Line]:
    name = _field_name(field.path)
    reason = f"({field.reason})" if field.noise else ""
    if field.change == "moved":
        yield _Line("~", f"{name}: moved from {plain(field.before_path)}", reason, dim=field.noise)
        return
    if field.path in ("parent", "position"):
        words = " → ".join(_shown(field.path, value) for value in (field.before, field.after))
        yield _Line("~", f"{name}: {words}", reason, dim=field.noise)
        return
    ending = ("", "")
    if field.path == "duration_ms" and before is not None and after is not None:
        ending = _ending(before, after)
    nothing_before = field.change == "added" or (field.path == "error" and field.before is None)
    nothing_after = field.change == "removed" or (field.path == "error" and field.after is None)
    if not nothing_before:
        note = reason or ending[0] or ("(gone)" if field.change == "removed" else "")
        yield _Line("-", f"{name}: {_shown(field.path, field.before)}", note, dim=field.noise)
    if not nothing_after:
        note = reason or ending[1] or ("(new)" if field.change == "added" else "")
        yield _Line("+", f"{name}: {_shown(field.path, field.after)}", note, dim=field.noise)


def _field_name(path: str) -> str:
    """Attributes by their own names."""
    steps = read(path)
    if len(steps) == 2 and steps[0] == "attributes":
        return plain(str(steps[1]))
    return _NAMES.get(path, plain(path))


def _ending(before: SpanShape, after: SpanShape) -> tuple[str, str]:
    """How each of them ended, where that differs."""
    ours, theirs = _how(before), _how(after)
    return (f"({ours})", f"({theirs})") if ours != theirs else ("", "")


def _how(span: SpanShape) -> str:
    if span.error is None:
        return "success"
    return "timeout" if any(word in span.error.lower() for word in _TIMED_OUT) else "failed"


def _shown(path: str, value: Any) -> str:
    if path == "duration_ms":
        return f"{value:.0f}ms" if value >= 9.5 else f"{value:.1f}ms"
    if path == "error" and isinstance(value, str):
        return first_line(value)
    return plain(bare(value, _VALUE))


def _row_blocks(answer: Diff, *, everything: bool) -> Iterator[_Block]:
    rows = [row for row in answer.rows if row.change != "same" or everything]
    by_row: dict[str, list[RowDiff]] = {}
    for row in rows:
        by_row.setdefault(_row_title(row), []).append(row)
    for title, changes in by_row.items():
        lines = tuple(_column_lines(changes, everything=everything))
        if lines:
            yield _Block(title, lines)


def _row_title(row: RowDiff) -> str:
    told = row.after or row.before
    assert told is not None
    title = _row_name(told)
    if row.before is not None and row.after is not None and row.before.key != row.after.key:
        title = f"{title}  (was {plain(pairs(row.before.key))})"
    return title


def _row_name(row: RowShape) -> str:
    key = plain(pairs(row.key))
    return f"{plain(row.table)}.{key}" if len(row.key) == 1 else f"{plain(row.table)} {key}".strip()


def _column_lines(changes: list[RowDiff], *, everything: bool) -> Iterator[_Line]:
    """What each column came to in the two requests, and what became of it."""
    ours, theirs = _written([row.before for row in changes]), _written([row.after for row in changes])
    telling = {field.path: field.noise for row in changes for field in row.fields}
    key = {name for row in changes for told in (row.before, row.after) if told is not None for name in told.key}
    names = list(dict.fromkeys((*ours, *theirs)))
    noise = {name for name in names if (paths := _paths_of(name, telling)) and all(telling[path] for path in paths)}
    differing = [
        name
        for name in names
        if name not in noise
        and (_paths_of(name, telling) or _value(ours, name) != _value(theirs, name))
        and not (name in key and ours and theirs)
    ]
    shown = names if everything else differing or [name for name in names if name not in noise | key]
    for name in shown[:FIELDS_SHOWN]:
        dim = bool(differing) and name not in differing
        for mark, side in (("-", ours), ("+", theirs)):
            if name in side:
                value, ending = side[name]
                yield _Line(mark, f"{plain(name)}: {plain(bare(value, _VALUE))}", f"({ending})", dim=dim)
    if len(shown) > FIELDS_SHOWN:
        yield _Line("~", f"… {len(shown) - FIELDS_SHOWN:,} more; --json has them all")
    if not shown:
        for mark, told in (("-", changes[-1].before), ("+", changes[-1].after)):
            if told is not None:
                yield _Line(mark, told.operation, f"({_OUTCOMES[told.outcome]})")


def _value(side: dict[str, tuple[Any, str]], name: str) -> Any:
    return side[name][0] if name in side else _NONE


def _paths_of(column: str, telling: dict[str, bool]) -> list[str]:
    """Where a column differs."""
    steps = ((), ("after",), ("before",))
    return [path for step in steps if (path := written(("columns", column, *step))) in telling]


def _written(rows: list[RowShape | None]) -> dict[str, tuple[Any, str]]:
    """The last value of each column, and what became of it."""
    values: dict[str, tuple[Any, str]] = {}
    for row in rows:
        if row is not None:
            for name, column in row.columns.items():
                deleted = row.operation == "delete"
                ending = _OUTCOMES[row.outcome]
                values[name] = (column.before, f"deleted, {ending}") if deleted else (column.after, ending)
    return values
