"""What the ORM's unit of work knows of the rows that it writes: values that were overwritten, and values loaded."""

from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import Mapper, attributes

from flux_ls.record.guard import tell
from flux_ls.record.recording import current
from flux_ls.record.rows.sqlalchemy import overwritten
from flux_ls.record.rows.sqlalchemy.hooks import ledger_of, open_ledger

_Layout = list[tuple[Any, tuple[int, ...] | None, dict[str, str]]]
"""Of each table of a mapped class: where its key is in the identity (None: it is the identity), and the attributes'
names by column."""
_layouts: "WeakKeyDictionary[Any, _Layout]" = WeakKeyDictionary()


def _layout(mapper: Any) -> _Layout:
    layout: _Layout = []
    attribute = {column: prop.key for column, prop in mapper._columntoproperty.items()}
    identity = [attribute[column] for column in mapper.primary_key]
    for table in mapper.tables:
        names = {column.name: attribute[column] for column in table.c if column in attribute}
        key = [names.get(column.name) for column in table.primary_key]
        if key and all(name in identity for name in key):
            positions = tuple([identity.index(str(name)) for name in key])
            layout.append((table, None if positions == tuple(range(len(identity))) else positions, names))
    _layouts[mapper] = layout
    return layout


def _begin(mapper: Any, connection: Any, state: Any) -> None:
    """The object is going to be updated or deleted, by one statement for each of its tables."""
    if current() is None:
        return
    try:
        identity = state.key[1]
        writing = ledger_of(connection).flushing
        for table, positions, names in _layouts.get(mapper) or _layout(mapper):
            key = identity if positions is None else tuple([identity[at] for at in positions])
            writing[table, key] = (state, names)
    except Exception as error:
        tell("looking at what the ORM writes", error)


def _end(mapper: Any, connection: Any, state: Any) -> None:
    try:
        ledger = open_ledger(connection)
        if ledger is None or not ledger.flushing:
            return
        identity = state.key[1]
        for table, positions, _ in _layouts.get(mapper) or _layout(mapper):
            key = identity if positions is None else tuple([identity[at] for at in positions])
            ledger.flushing.pop((table, key), None)
    except Exception as error:
        tell("looking at what the ORM wrote", error)


_LISTENERS: Final = (
    ("before_update", _begin),
    ("before_delete", _begin),
    ("after_update", _end),
    ("after_delete", _end),
)


def install() -> None:
    overwritten.UNLOADED.update(
        id(getattr(attributes, name))
        for name in ("NO_VALUE", "NEVER_SET", "PASSIVE_NO_RESULT", "NO_CHANGE", "ATTR_EMPTY")
        if hasattr(attributes, name)
    )
    for name, function in _LISTENERS:
        if not event.contains(Mapper, name, function):
            event.listen(Mapper, name, function, raw=True)


def uninstall() -> None:
    for name, function in _LISTENERS:
        if event.contains(Mapper, name, function):
            event.remove(Mapper, name, function)
