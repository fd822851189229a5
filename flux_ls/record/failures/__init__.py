"""What there is to know about an exception while it can still be looked at: its stack and the variables in it.

An exception passes many places on its way out. Each frame is looked at once, by the first that sees it; neither the
exception nor a frame is kept.
"""

from flux_ls.record import wire
from flux_ls.record.failures.sightings import Sighted, sighted
from flux_ls.record.failures.texts import message_of, one_line, stacktrace_of, type_name
from flux_ls.record.guard import tell
from flux_ls.record.recording import current, position


def saw(exception: BaseException, span_id: int | None = None) -> None:
    """Adds the local variables of the exception's in-app frames to the span (default: the one that runs)."""
    try:
        recording = current()
        if recording is None:
            return
        if span_id is None:
            span_id = position()
        found = sighted(recording, exception, span_id).locals
        if found is not None:
            recording.annotate(span_id, {wire.LOCALS: found})
    except Exception as error:
        tell("recording the variables of a failure", error)


__all__ = ["Sighted", "message_of", "one_line", "saw", "sighted", "stacktrace_of", "type_name"]
