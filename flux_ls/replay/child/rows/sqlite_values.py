"""What SQLite holds for a value of Python's: libraries spell dates, numbers and keys in their own ways."""

import base64
import contextlib
import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from flux_ls.replay.child.rows.changes import Value

_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d", re.ASCII)
_DURATION = re.compile(r"(?:(-?\d+) days?, )?(\d+):(\d\d):(\d\d)(?:\.(\d{6}))?")


class NoSpelling(ValueError):
    """Nobody knows what the database holds for it."""


def spellings(value: Value) -> dict[str, Any]:
    """By the name of the way: SQLAlchemy's first, then Django's, then what `sqlite3` does by itself."""
    try:
        return dict(_spellings(value.kind, value.value))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise NoSpelling(str(error)) from None


def _spellings(kind: str, value: Any) -> Iterator[tuple[str, Any]]:
    if kind == "datetime.datetime":
        yield from _moments(dt.datetime.fromisoformat(value))
    elif kind == "datetime.time":
        time = dt.time.fromisoformat(value)
        yield "in full", time.isoformat("microseconds")
        yield "short", time.isoformat()
    elif kind == "datetime.timedelta":
        length = _duration(value)
        yield "since 1970", (dt.datetime(1970, 1, 1) + length).isoformat(" ", "microseconds")
        yield "microseconds", length // dt.timedelta(microseconds=1)
    elif kind == "decimal.Decimal":
        yield "number", _number(Decimal(value))
        yield "text", value
    elif kind == "uuid.UUID":
        yield "digits", uuid.UUID(value).hex
        yield "text", value
        yield "bytes", uuid.UUID(value).bytes
    elif kind == "enum":
        name, told = value
        yield "name", name
        yield "value", told
    elif kind == "bytes":
        yield "bytes", base64.b64decode(value)
    elif kind == "float":
        # Not a number is NULL in SQLite.
        yield "number", None if value == "nan" else float(value)
    elif isinstance(value, list | dict):
        yield "json", json.dumps(value)
    elif isinstance(value, str):
        yield "text", value
        yield from _given_as_text(value)
        yield "bytes", value.encode()
        yield "json", json.dumps(value)
    elif isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        yield "text", str(value)
    else:
        yield "number", value
        if value is not None:
            yield "text", str(value)
            yield "json", json.dumps(value)


def _given_as_text(value: str) -> Iterator[tuple[str, Any]]:
    """What an application may have assigned as a text, and its library took for another type's."""
    if _NUMBER.fullmatch(value):
        yield "number", _number(Decimal(value))
    elif _UUID.fullmatch(value):
        yield "digits", uuid.UUID(value).hex
    elif _MOMENT.match(value):
        with contextlib.suppress(ValueError):
            yield from _moments(dt.datetime.fromisoformat(value))


def _moments(moment: dt.datetime) -> Iterator[tuple[str, Any]]:
    local = moment.replace(tzinfo=None)
    yield "in full", local.isoformat(" ", "microseconds")
    yield "short", local.isoformat(" ")
    if moment.tzinfo is not None:
        yield "UTC", moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ")
        yield "with offset", moment.isoformat(" ")
    yield "ISO", moment.isoformat()


def _duration(text: str) -> dt.timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    days, hours, minutes, seconds, micro = (int(part or 0) for part in found.groups())
    return dt.timedelta(days, seconds, micro, hours=hours, minutes=minutes)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() and abs(value) < 1 << 63 else float(value)


def way_of(value: Value, stored: Any, declared: str) -> str | None:
    """The way by which the database holds this value; None where it holds another one."""
    if value.value is None and stored == "null" and "JSON" in declared.upper():
        return "number"
    for way, spelled in spellings(value).items():
        if way == "json":
            if _is_json(spelled, stored, declared, whole=isinstance(value.value, list | dict)):
                return way
        elif _is_same(spelled, stored):
            return way
    return None


def _is_same(spelled: Any, stored: Any) -> bool:
    if spelled is None or stored is None:
        return spelled is stored
    if isinstance(spelled, int | float) and isinstance(stored, int | float):
        return bool(spelled == stored)
    return type(spelled) is type(stored) and bool(spelled == stored)


def _is_json(spelled: str, stored: Any, declared: str, *, whole: bool) -> bool:
    if not (whole or "JSON" in declared.upper()) or not isinstance(stored, str | bytes):
        return False
    try:
        # As texts: to Python false is 0, and to JSON it is not.
        kept, told = (json.dumps(json.loads(each), sort_keys=True) for each in (stored, spelled))
    except ValueError:
        return False
    return kept == told


def spelled(value: Value, way: str | None, like: Any, declared: str) -> Any:
    """What to write for it: as `way` has it, where that is known; else as `like` looks, which another row holds."""
    known = spellings(value)
    if way is not None and way in known:
        return known[way]
    # By what is fit for any column of the type, where nothing else tells: both libraries read the first.
    fitting = {name: each for name, each in known.items() if name != "json" or "JSON" in declared.upper()} or known
    alike = (each for each in fitting.values() if like is not None and _shape(each) == _shape(like))
    if "JSON" in declared.upper() and "json" in fitting:
        return fitting["json"]
    if "32" in declared and "digits" in fitting:
        return fitting["digits"]
    return next(alike, next(iter(fitting.values())))


def _shape(value: Any) -> tuple[type, str]:
    text = value if isinstance(value, str) else ""
    return type(value), re.sub(r"[0-9a-fA-F]", "0", text) if len(text) <= 40 else ""
