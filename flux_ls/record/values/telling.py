"""Values that are told by a text of ours: dates, numbers, paths, functions, classes, modules.

Only code of the interpreter and of the standard library runs here.
"""

import datetime as dt
import decimal
import functools
import ipaddress
import pathlib
import re
import types
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any, Final

_SAFE_ZONES: Final = frozenset(map(id, (type(None), dt.timezone, zoneinfo.ZoneInfo)))
_LONGEST_DECIMAL: Final = 600
"""Bytes of memory: more than a thousand digits."""


def _datetime(value: Any) -> str:
    kind = dt.datetime
    if type(value) is kind and id(type(value.tzinfo)) in _SAFE_ZONES:
        return str(value.isoformat())
    parts = [_get(kind, name, value) for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")]
    year, month, day, hour, minute, second, micro = parts
    plain = dt.datetime(year, month, day, hour, minute, second, micro)
    zone = _get(kind, "tzinfo", value)
    if id(type(zone)) in _SAFE_ZONES:
        return plain.replace(tzinfo=zone).isoformat()
    # A time zone of the user's own would be asked for its offset.
    return f"{plain.isoformat()} in another time zone"


def _date(value: Any) -> str:
    return dt.date(*(_get(dt.date, name, value) for name in ("year", "month", "day"))).isoformat()


def _time(value: Any) -> str:
    return dt.time(*(_get(dt.time, name, value) for name in ("hour", "minute", "second", "microsecond"))).isoformat()


def _get(kind: type, name: str, value: Any) -> Any:
    return getattr(kind, name).__get__(value)


def _decimal(value: Any) -> str:
    if decimal.Decimal.__sizeof__(value) > _LONGEST_DECIMAL:
        return f"a number of more than 1000 digits, about 1E{decimal.Decimal.adjusted(value):+}"
    return decimal.Decimal.__str__(value)


def _uuid(value: Any) -> str:
    digits = f"{uuid.UUID.__dict__['int'].__get__(value):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _function(value: Any) -> str:
    return _named(value.__module__, value.__qualname__)


def _builtin(value: Any) -> str:
    return _named(value.__module__, value.__qualname__)


def _method(value: Any) -> str:
    function = value.__func__
    return _function(function) if type(function) is types.FunctionType else ""


def _class(value: Any) -> str:
    from flux_ls.record.values.kinds import type_name

    return str(type_name(value))


def _module(value: Any) -> str:
    from flux_ls.record.values.kinds import module_dict

    name = module_dict(value).get("__name__")
    return name if type(name) is str else ""


def _generator(value: Any) -> str:
    return str(value.__qualname__)


def _pattern(value: Any) -> str:
    pattern = value.pattern
    return pattern if type(pattern) is str else repr(pattern)


def _range(value: Any) -> str:
    return repr(value) if all(type(part) is int for part in (value.start, value.stop, value.step)) else ""


def _partial(value: Any) -> str:
    function = value.func
    return _function(function) if type(function) is types.FunctionType else ""


def _named(module: object, name: object) -> str:
    return ".".join(part for part in (module, name) if type(part) is str and part != "builtins")


TOLD: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (dt.datetime, _datetime),
    (dt.date, _date),
    (dt.time, _time),
    (dt.timedelta, dt.timedelta.__str__),
    (dt.timezone, str),
    (zoneinfo.ZoneInfo, lambda value: str(value.key)),
    (decimal.Decimal, _decimal),
    (uuid.UUID, _uuid),
    (complex, complex.__repr__),
    (range, _range),
    (pathlib.PosixPath, str),
    (pathlib.WindowsPath, str),
    (pathlib.PurePosixPath, str),
    (pathlib.PureWindowsPath, str),
    (ipaddress.IPv4Address, str),
    (ipaddress.IPv6Address, str),
    (ipaddress.IPv4Network, str),
    (ipaddress.IPv6Network, str),
    (re.Pattern, _pattern),
    (type, _class),
    (types.FunctionType, _function),
    (types.BuiltinFunctionType, _builtin),
    (types.MethodType, _method),
    (types.ModuleType, _module),
    (types.GeneratorType, _generator),
    (types.CoroutineType, _generator),
    (types.AsyncGeneratorType, _generator),
    (types.EllipsisType, repr),
    (types.NotImplementedType, repr),
    (functools.partial, _partial),
)

TOLD_TYPES: Final[dict[int, Callable[[Any], str]]] = {id(kind): tell for kind, tell in TOLD}
_OF_SUBCLASSES: Final = (
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    uuid.UUID,
    type,
    types.ModuleType,
)


def telling_of(kind: type) -> Callable[[Any], str] | None:
    """What makes the text of a value of this type."""
    exact = TOLD_TYPES.get(id(kind))
    if exact is not None:
        return exact
    bases = {id(base) for base in type.__dict__["__mro__"].__get__(kind)}
    return next((TOLD_TYPES[id(base)] for base in _OF_SUBCLASSES if id(base) in bases), None)
