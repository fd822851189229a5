"""What was recorded where a request failed: the variables there, what the function was called with, the rows."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from flux_ls.analysis.recorded import input_of as recorded_input
from flux_ls.analysis.recorded import locals_at, locals_of, output_of, same_file
from flux_ls.answers.came_in import input_of
from flux_ls.answers.rows import Run, row_shape, runs
from flux_ls.model import AttributeValue, Frame, Request, Span
from flux_ls.record import wire
from flux_ls.store.reader import Reader


class AtFault(Struct, frozen=True):
    """None stands for what was not recorded."""

    request: Request
    variables: Mapping[str, AttributeValue] | None
    """The local variables of the frame."""
    arguments: Mapping[str, AttributeValue] | None
    """What the frame's function was called with."""
    duration_ns: int | None
    """How long that call took."""
    input: Mapping[str, AttributeValue] | None
    """What came in with the request."""
    answer: AttributeValue
    """What the request was answered."""
    rows: tuple[Run, ...]
    """Without the places that wrote them."""


def at_fault(reader: Reader, request_id: str, frame: Frame) -> AtFault:
    """What the request recorded of a frame of its failure. Raises RequestNotFound when it is gone."""
    request = reader.request(request_id)
    entry, spans = reader.entry_and(request_id, [wire.LOCALS], ["code.function", _name(frame)])
    call = _call_of(spans, frame)
    called_with = None if call is None else recorded_input(call)
    return AtFault(
        request=request,
        variables=locals_at(frame, (told for span in spans for told in locals_of(span))),
        arguments=called_with if isinstance(called_with, dict) else None,
        duration_ns=None if call is None else call.end_ns - call.start_ns,
        input=input_of(request, entry),
        answer=output_of(entry),
        rows=tuple(runs(row_shape(None, change) for change in reader.row_changes(request_id))),
    )


def _call_of(spans: Sequence[Span], frame: Frame) -> Span | None:
    """The span of the frame's function: of several calls the last that failed, else the last."""
    name = _name(frame)
    calls = [
        span
        for span in spans
        if str(span.attributes.get("code.function.name", "")).rpartition(".")[2] == name
        and same_file(str(span.attributes.get("code.file.path", "")), frame.path)
        and span.kind == "internal"
    ]
    return max(calls, key=lambda span: (span.status == "error", span.start_ns), default=None)


def _name(frame: Frame) -> str:
    return frame.function.rpartition(".")[2]
