"""Attributes that say where something happened, which way and how it ended: names of the code's, never values."""

from typing import Final

from flux_ls.record import wire

_PLACES: Final = frozenset(
    {
        "exception.type",
        "error.type",
        "http.request.method",
        "http.method",
        "http.route",
        "url.scheme",
        "http.scheme",
        "db.system",
        "db.system.name",
        "db.operation",
        "db.operation.name",
        wire.ROW_TABLE,
        wire.ROW_OPERATION,
        wire.ROW_OUTCOME,
        wire.ROW_SPAN,
        wire.OUTCOME,
        wire.OMITTED_CALLS,
        wire.BLOBS,
    }
)
_OF_CODE: Final = "code."


def is_place(name: str) -> bool:
    """Whether nobody looks for secrets there that are known by their value: failures are told apart by it."""
    return name in _PLACES or name.startswith(_OF_CODE)
