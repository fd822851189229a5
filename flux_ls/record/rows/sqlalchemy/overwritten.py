"""The values before, as the ORM has them of rows that it is writing."""

from collections.abc import Iterable
from typing import Any, Final

from flux_ls.record.rows.ledger import UNKNOWN

UNLOADED: Final[set[int]] = set()
"""The identities of what SQLAlchemy puts where a value was not loaded."""


def before(
    flushing: dict[Any, Any], table: Any, key: tuple[object, ...], columns: Iterable[str]
) -> dict[str, object] | None:
    """The columns as they are in the database, as far as that was loaded; None for what the ORM does not write now."""
    try:
        found = flushing.get((table, key))
    except TypeError:  # a key that is not hashable
        return None
    if found is None:
        return None
    state, names = found
    replaced, loaded = state.committed_state, state.dict
    values: dict[str, object] = {}
    for column in columns:
        name = names.get(column)
        if name in replaced:
            value = replaced[name]
            values[column] = UNKNOWN if id(value) in UNLOADED else value
        else:
            values[column] = loaded.get(name, UNKNOWN)
    return values
