"""The recorder: what runs inside the user's process and hands what it sees to OpenTelemetry."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flux_ls.record.functions import span
    from flux_ls.record.starting import start

__all__ = ["span", "start"]


def __getattr__(name: str) -> Any:
    # Importing this must cost nothing: an application may do it and never record.
    if name == "start":
        from flux_ls.record.starting import start

        return start
    if name == "span":
        from flux_ls.record.functions import span

        return span
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
