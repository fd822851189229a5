"""An exception that passes through us: the event that tells of it, and the traceback without our frame."""

from flux_ls.record.failures import message_of, stacktrace_of, type_name
from flux_ls.record.made import MadeEvent, now_ns


def exception_event(error: BaseException, *, stack: bool = True) -> MadeEvent:
    """The event that OpenTelemetry's SDK would have recorded."""
    told: dict[str, object] = {"exception.type": type_name(error), "exception.message": message_of(error)}
    if stack:
        told["exception.stacktrace"] = stacktrace_of(error)
    return MadeEvent("exception", now_ns(), told)


def without_our_frame(error: BaseException) -> None:
    """To be called where an exception passes through us, before a bare `raise`, which adds no frame of its own:
    tracebacks are as without us."""
    trace = error.__traceback__
    if trace is not None:
        error.__traceback__ = trace.tb_next
