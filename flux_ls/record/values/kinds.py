"""What kind of object a value is, told by its type alone and remembered per type.

Nothing of the value's own is asked: no `repr`, no property, no `__getattr__`, `__iter__`, `__len__` or `__class__`.
Types are looked at through `type`'s own descriptors, because a metaclass may have its own.
"""

import re
import sys
import types
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

module_dict: Callable[[types.ModuleType], dict[str, Any]] = cast("Any", types.ModuleType).__dict__["__dict__"].__get__
"""What a module has, without asking a `__getattr__` of its own."""

Field = tuple[str, Callable[[Any], Any]]
"""A name and what reads it: a slot's descriptor, which runs no code of the user's."""

_mro = type.__dict__["__mro__"].__get__
_class_dict = type.__dict__["__dict__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__
_flags = type.__dict__["__flags__"].__get__
_NATIVE: Final = (types.GetSetDescriptorType, types.MemberDescriptorType)

OPAQUE: Final = "opaque"
"""Told by its type only: what libraries keep for themselves, and what is used up by looking at it."""
OBJECT: Final = "object"
"""Fields from `__dict__` and slots."""
TEXT: Final = "text"
BYTES: Final = "bytes"
INTEGER: Final = "integer"
FLOAT: Final = "float"
LIST: Final = "list"
TUPLE: Final = "tuple"
NAMED_TUPLE: Final = "named tuple"
SET: Final = "set"
DEQUE: Final = "deque"
DICT: Final = "dict"
ENUM: Final = "enum"
EXCEPTION: Final = "exception"
ORM: Final = "orm"
DJANGO: Final = "django"
ROW: Final = "row"
"""Of a result of SQLAlchemy."""
ARRAY: Final = "array"
ARRAY_SCALAR: Final = "array scalar"
FRAME: Final = "frame"
TOLD: Final = "told"
"""By the text that `telling.py` makes of it."""

WIDEST: Final = 200
"""Elements of one container that are shown."""
_PLANS_KEPT: Final = 4096
_LIBRARY = re.compile(r"[\\/](?:site-packages|dist-packages)[\\/]")

# Of types that libraries made to hold data; all others of theirs are opaque.
_DATA: Final = frozenset(
    {
        ("pydantic.main", "BaseModel"),
        ("pydantic.v1.main", "BaseModel"),
        ("msgspec", "Struct"),
        ("types", "SimpleNamespace"),
        ("argparse", "Namespace"),
        ("fractions", "Fraction"),
    }
)
# Wherever a user's class has one of these among its bases.
_OPAQUE_BASES: Final = frozenset(
    {
        ("django.db.models.query", "QuerySet"),
        ("django.db.models.manager", "BaseManager"),
        ("django.utils.functional", "LazyObject"),
        ("django.utils.functional", "Promise"),
        ("django.http.request", "HttpRequest"),
        ("werkzeug.sansio.request", "Request"),
        ("werkzeug.local", "LocalProxy"),
        ("starlette.requests", "HTTPConnection"),
        ("flask.app", "Flask"),
        ("starlette.applications", "Starlette"),
        ("sqlalchemy.orm.session", "Session"),
        ("sqlalchemy.ext.asyncio.session", "AsyncSession"),
        ("sqlalchemy.orm.query", "Query"),
        ("_io", "_IOBase"),
        ("socket", "socket"),
        ("_socket", "socket"),
        ("threading", "Thread"),
        ("logging", "Logger"),
        ("unittest.mock", "NonCallableMock"),
        ("wrapt", "ObjectProxy"),
        ("unittest.case", "TestCase"),
        ("collections.abc", "Iterator"),
        ("typing", "Iterator"),
    }
)
# Of a library's objects, what tells most: names in its `__dict__`.
_TELLING: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("requests.models", "Response"): ("status_code", "url", "reason"),
    ("requests.models", "Request"): ("method", "url"),
    ("requests.models", "PreparedRequest"): ("method", "url"),
    ("httpx", "Response"): ("status_code",),
    ("httpx", "Request"): ("method",),
    ("werkzeug.sansio.response", "Response"): ("_status_code",),
    ("werkzeug.datastructures.file_storage", "FileStorage"): ("name", "filename"),
    ("starlette.datastructures", "UploadFile"): ("filename", "size"),
    ("starlette.responses", "Response"): ("status_code", "media_type"),
    ("django.core.files.uploadedfile", "UploadedFile"): ("_name", "size", "content_type"),
    ("django.http.response", "HttpResponseBase"): ("status_code", "_reason_phrase"),
    ("django.core.files.base", "File"): ("name",),
}


class Kind:
    """How values of one type are looked at."""

    __slots__ = ("dict_of", "family", "field_names", "fields", "of", "telling", "type_name")

    def __init__(self, of: type) -> None:
        self.of = of
        bases = _mro(of)
        names = [type_name(base, dotted=False) for base in bases]
        self.type_name = ".".join(part for part in names[0] if part and part != "builtins")
        self.fields = _slots(bases)
        self.dict_of = _dict_getter(bases)
        self.field_names: tuple[str, ...] = ()
        self.telling: tuple[str, ...] = next((_TELLING[name] for name in names if name in _TELLING), ())
        self.family = _family(self, bases, names)


_kinds: dict[int, Kind] = {}


def kind_of(of: type) -> Kind:
    """By identity: a metaclass may have made its classes unhashable."""
    kind = _kinds.get(id(of))
    if kind is None or kind.of is not of:
        if len(_kinds) >= _PLANS_KEPT:
            _kinds.clear()
        kind = _kinds[id(of)] = Kind(of)
    return kind


def type_name(of: type, *, dotted: bool = True) -> Any:
    """`shop.models.Plan`; as two parts if not dotted."""
    module, name = _module(of), _qualname(of)
    parts = (module if type(module) is str else "", str.__str__(name))
    return parts if not dotted else ".".join(part for part in parts if part and part != "builtins")


def attribute_of(of: type, name: str) -> Any:
    """A class attribute as it stands in the class or its bases: no descriptor is run. None if there is none."""
    for base in _mro(of):
        if name in (attributes := _class_dict(base)):
            return attributes[name]
    return None


def native_of(of: type, name: str) -> Callable[[Any], Any] | None:
    """What reads an attribute that is implemented in C."""
    found = attribute_of(of, name)
    return found.__get__ if type(found) in _NATIVE else None


def attribute_value(value: Any, kind: Kind, name: str) -> Any:
    """What an object's `__dict__` has, or a slot; None if it has none."""
    found = dict.get(kind.dict_of(value), name) if kind.dict_of is not None else None
    if found is None and (read := native_of(kind.of, name)) is not None:
        try:
            return read(value)
        except AttributeError:
            return None
    return found


def _slots(bases: tuple[type, ...]) -> tuple[Field, ...]:
    fields: dict[str, Callable[[Any], Any]] = {}
    for base in reversed(bases):
        if _flags(base) & _HEAP_TYPE == 0:
            continue  # what a type of the interpreter has is no field of the user's
        for name, found in list(_class_dict(base).items()):
            if type(found) is types.MemberDescriptorType and type(name) is str and not name.startswith("__"):
                fields[name] = found.__get__
    return tuple(fields.items())


_HEAP_TYPE: Final = 1 << 9


def _dict_getter(bases: tuple[type, ...]) -> Callable[[Any], Any] | None:
    for base in bases:
        found = _class_dict(base).get("__dict__")
        if found is not None:
            return found.__get__ if type(found) in _NATIVE else None
    return None


def _family(kind: Kind, bases: tuple[type, ...], names: list[tuple[str, str]]) -> str:
    from flux_ls.record.values.telling import TOLD_TYPES

    # By identity: comparing classes may run code of a metaclass.
    ids = {id(base) for base in bases}
    if id(kind.of) in TOLD_TYPES:
        return TOLD
    if id(Enum) in ids:
        return ENUM
    if _django_model in names:
        return DJANGO
    if _row in names:
        return ROW
    for base, family in _BUILTIN:
        if id(base) in ids:
            if family is TUPLE:
                named = attribute_of(kind.of, "_fields")
                if type(named) is tuple and all(type(name) is str for name in named):
                    kind.field_names = named
                    return NAMED_TUPLE
            return family
    if not _OPAQUE_BASES.isdisjoint(names):
        return OPAQUE
    for module, name in names:
        top = module.partition(".")[0]
        if top in ("pandas", "polars", "pyarrow", "xarray") and name in (
            "DataFrame",
            "Series",
            "LazyFrame",
            "Table",
            "Index",
        ):
            return FRAME
        if top == "numpy" and name == "generic":
            return ARRAY_SCALAR
    if native_of(kind.of, "shape") is not None and native_of(kind.of, "dtype") is not None:
        return ARRAY
    if any(base_names in _DATA for base_names in names) or _is_data_class(kind.of):
        return OBJECT
    if attribute_of(kind.of, "__mapper__") is not None:
        return ORM
    if any(id(base) in TOLD_TYPES for base in bases[1:-1]):
        return TOLD
    return OPAQUE if _is_library(names[0][0]) else OBJECT


_row: Final = ("sqlalchemy.engine.row", "Row")
_django_model: Final = ("django.db.models.base", "Model")
_BUILTIN: Final[tuple[tuple[type, str], ...]] = (
    (str, TEXT),
    (bytes, BYTES),
    (bytearray, BYTES),
    (memoryview, BYTES),
    (dict, DICT),
    (list, LIST),
    (tuple, TUPLE),
    (int, INTEGER),
    (float, FLOAT),
    (set, SET),
    (frozenset, SET),
    (deque, DEQUE),
    (BaseException, EXCEPTION),
)


def _is_data_class(of: type) -> bool:
    return any(
        attribute_of(of, name) is not None for name in ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__")
    )


def _is_library(module_name: str) -> bool:
    """Whether a module came with Python or was installed."""
    top = module_name.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names or top == "builtins":
        return True
    module = sys.modules.get(module_name)
    if not isinstance(module, types.ModuleType):
        return False
    file = module_dict(module).get("__file__")
    return type(file) is str and _LIBRARY.search(file) is not None
