"""What a recorder added to spans, out of the names on the wire: inputs, outputs, locals and row changes.

Any recorder may have written them and any pipeline may have cut them: what cannot be read as JSON is shown as the text
that it is, and what makes no sense is left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from flux_ls.model import AttributeValue, ColumnChange, Event, Frame, FrameLocals, RowChange, RowOperation, Span
from flux_ls.model import RowOutcome as Outcome
from flux_ls.record import wire

CHANGES_LIMIT: Final = 10_000
"""Row changes of one span that are looked at."""
LOCALS_LIMIT: Final = 64
"""Frames of one span whose locals are looked at."""
DEEPEST: Final = 64
"""A tree that is nested deeper is no recorder's: it is kept as text, so that nobody downstream recurses into it."""
NOT_LOADED: Final[AttributeValue] = {wire.UNLOADED: True}
"""What a column held that was not looked at before it was changed."""

_OPERATIONS = ("insert", "update", "delete")
_OUTCOMES = ("committed", "rolled_back", "unknown")
_NONE: Any = object()


def input_of(span: Span) -> AttributeValue:
    """What went into the span; None when nothing was recorded."""
    return _tree(span.attributes.get(wire.INPUT))


def output_of(span: Span) -> AttributeValue:
    """What came out of it. None may have been what came out: `has_output` tells."""
    return _tree(span.attributes.get(wire.OUTPUT))


def has_output(span: Span) -> bool:
    return wire.OUTPUT in span.attributes


def locals_of(span: Span) -> tuple[FrameLocals, ...]:
    """The local variables of each in-app frame, from the outermost to the line that raised."""
    tree = _tree(span.attributes.get(wire.LOCALS))
    if not isinstance(tree, list):
        return ()
    found = (_frame_locals(each) for each in tree[-LOCALS_LIMIT:] if isinstance(each, dict))
    return tuple(each for each in found if each is not None)


def row_changes(spans: Iterable[Span]) -> tuple[RowChange, ...]:
    """The row changes of a request, in the order they were made.

    Each names the span that wrote it where that one is among `spans`, else the span that tells of it.
    """
    return tuple(change for change, _ in told_changes(spans))


def told_changes(spans: Iterable[Span]) -> list[tuple[RowChange, Span]]:
    """The row changes of a request in the order they were made, each with the span that tells of it.

    That is the transaction's: the change is there for everybody, or is gone, when it ends.
    """
    spans = tuple(spans)
    known = {span.span_id for span in spans}
    found: list[tuple[RowChange, Span]] = []
    for span in spans:
        for change in changes_of(span):
            if change.span_id not in known:
                change = msgspec.structs.replace(change, span_id=span.span_id)
            found.append((change, span))
    # Stable: those of one moment stay in the order in which they were told.
    return sorted(found, key=lambda each: each[0].at_ns)


def locals_at(frame: Frame, told: Iterable[FrameLocals]) -> Mapping[str, AttributeValue] | None:
    """The local variables that were recorded of a frame; None when there are none."""
    for each in told:
        same_function = each.function.rpartition(".")[2] == frame.function.rpartition(".")[2]
        if each.line == frame.line and same_function and same_file(each.path, frame.path):
            return each.locals
    return None


def same_file(one: str, other: str) -> bool:
    """Whether two recorded paths are one file, as far as the shorter of them tells."""
    short, long = sorted((one.replace("\\", "/"), other.replace("\\", "/")), key=len)
    return short == long or long.endswith(f"/{short.removeprefix('./').lstrip('/')}")


def changes_of(span: Span) -> Iterator[RowChange]:
    """The row changes that one span tells of, in the order they were told."""
    told = (event for event in span.events if event.name == wire.ROW_CHANGE)
    for event, _ in zip(told, range(CHANGES_LIMIT), strict=False):
        change = _row_change(span, event)
        if change is not None:
            yield change


def parsed(text: str) -> AttributeValue:
    """JSON text as a tree; the text itself when it is no JSON, or cut, or nested beyond reason."""
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        tree = _leniently(text)
    return text if tree is _NONE or _too_deep(text, tree) else cast(AttributeValue, tree)


def _leniently(text: str) -> Any:
    """What only Python takes for JSON: NaN, and numbers too large for a float."""
    if "N" not in text and "Inf" not in text and "e" not in text.lower():
        return _NONE
    names = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
    try:
        tree = json.loads(
            text,
            parse_constant=lambda name: {wire.FLOAT: names[name]},
            parse_float=lambda digits: _float(float(digits)),
        )
        msgspec.json.encode(tree)
    except (ValueError, RecursionError):
        return _NONE
    return tree


def _float(number: float) -> object:
    return number if number - number == 0 else {wire.FLOAT: "inf" if number > 0 else "-inf"}


def _too_deep(text: str, tree: object) -> bool:
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    level: list[object] = [tree]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(tree: dict[str, object] | list[object]) -> Iterable[object]:
    return tree.values() if isinstance(tree, dict) else tree


def _tree(value: AttributeValue) -> AttributeValue:
    # A recorder of another language may send the tree itself, as OTLP can.
    return parsed(value) if isinstance(value, str) else value


def _object(value: AttributeValue) -> dict[str, AttributeValue] | None:
    tree = _tree(value)
    return tree if isinstance(tree, dict) else None


def _frame_locals(told: Mapping[str, AttributeValue]) -> FrameLocals | None:
    path, line, function, variables = (told.get(name) for name in ("path", "line", "function", "locals"))
    if not isinstance(path, str) or not _is_line(line) or not isinstance(variables, dict):
        return None
    return FrameLocals(path, cast(int, line), function if isinstance(function, str) else "", variables)


def _row_change(span: Span, event: Event) -> RowChange | None:
    told = event.attributes
    table = told.get(wire.ROW_TABLE)
    if not isinstance(table, str) or not table:
        return None
    before, after = _object(told.get(wire.ROW_BEFORE)), _object(told.get(wire.ROW_AFTER))
    operation = told.get(wire.ROW_OPERATION)
    if operation not in _OPERATIONS:
        operation = "insert" if before is None else "delete" if after is None else "update"
    outcome = told.get(wire.ROW_OUTCOME) or span.attributes.get(wire.OUTCOME)
    writer = told.get(wire.ROW_SPAN)
    return RowChange(
        table=table,
        key=_object(told.get(wire.ROW_KEY)) or {},
        operation=cast(RowOperation, operation),
        columns=_columns(operation, before or {}, after or {}),
        outcome=cast(Outcome, outcome if outcome in _OUTCOMES else "unknown"),
        span_id=writer.lower() if isinstance(writer, str) and writer else span.span_id,
        request_id=span.trace_id,
        at_ns=event.at_ns or span.start_ns,
        frame=_frame(told, span.resource.revision),
    )


def _columns(
    operation: AttributeValue, before: Mapping[str, AttributeValue], after: Mapping[str, AttributeValue]
) -> tuple[ColumnChange, ...]:
    if operation == "insert":
        return tuple(ColumnChange(name, None, value) for name, value in after.items())
    if operation == "delete":
        return tuple(ColumnChange(name, value, None) for name, value in before.items())
    names = dict.fromkeys((*before, *after))
    # Where only one side was recorded the other is not null, but unknown.
    return tuple(ColumnChange(name, before.get(name, NOT_LOADED), after.get(name, NOT_LOADED)) for name in names)


def _frame(told: Mapping[str, AttributeValue], revision: str | None) -> Frame | None:
    path, line = told.get("code.file.path"), told.get("code.line.number")
    function = told.get("code.function.name")
    if not isinstance(path, str) or not path or not _is_line(line):
        return None
    name = function if isinstance(function, str) else ""
    return Frame(path, cast(int, line), name, in_app=True, revision=revision)


def _is_line(line: AttributeValue) -> bool:
    return isinstance(line, int) and not isinstance(line, bool) and line > 0
