"""What went wrong in a span, as traces and comparisons say it."""

from flux_ls.model import Span


def error_of(span: Span) -> str | None:
    """What went wrong in one line: the last exception, else what the status says."""
    if span.exceptions:
        raised = span.exceptions[-1].raised
        return f"{raised.type}: {raised.message}" if raised.message else raised.type
    if span.status != "error":
        return None
    status = span.attributes.get("http.response.status_code")
    return span.status_message or (f"HTTP {status}" if status else "error")
