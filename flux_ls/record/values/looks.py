"""How a value of each kind is looked at: only what lies there, through methods that run no code of the user's."""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from flux_ls.record.redaction.texts import redact_cut
from flux_ls.record.redaction.trees import Tree
from flux_ls.record.values import kinds
from flux_ls.record.values.kinds import WIDEST, Kind, attribute_of, attribute_value, kind_of, native_of
from flux_ls.record.values.telling import telling_of
from flux_ls.record.wire import BYTES, CUT, DEEP, MORE, REF, REPR, TYPE, UNLOADED

if TYPE_CHECKING:
    from flux_ls.record.values.walk import Walk

_ARRAY_SHOWN: Final = 8


def _text(walk: "Walk", value: Any, _kind: Kind, _depth: int) -> Tree:
    length = str.__len__(value)
    if length > walk.budget:
        walk.used += walk.budget
        return {CUT: redact_cut(str.__getitem__(value, slice(0, walk.budget))), "length": length}
    return walk.text(str.__str__(value))


def _bytes(walk: "Walk", value: Any, kind: Kind, _depth: int) -> Tree:
    if kind.of is memoryview:
        length = value.nbytes
        view = value if value.ndim == 1 and value.itemsize == 1 else value.cast("B") if value.contiguous else None
        beginning = bytes(view[: walk.budget]) if view is not None else b""
    else:
        base = bytes if issubclass(kind.of, bytes) else bytearray  # what types are is asked of types only
        length = base.__len__(value)
        beginning = bytes(base.__getitem__(value, slice(0, walk.budget)))
    return bytes_tree(walk, beginning, length)


def bytes_tree(walk: "Walk", beginning: bytes, length: int) -> Tree:
    """Text if it is text; `beginning` is as much of it as there is to show."""
    import base64

    is_cut = length > len(beginning)
    try:
        text: str | None = beginning.decode()
    except UnicodeDecodeError as error:
        # A character that was cut in two does not make it binary.
        text = beginning[: error.start].decode() if is_cut and error.start >= len(beginning) - 3 and beginning else None
    if text is not None and ("\0" not in text):
        if not is_cut:
            return walk.text(text)
        walk.used += len(text)
        return {CUT: redact_cut(text), "length": length}
    if is_cut or len(beginning) * 4 // 3 > walk.budget:
        shown = beginning[: min(len(beginning), walk.budget // 2) // 3 * 3]
        walk.used += len(shown) * 4 // 3
        return {BYTES: base64.b64encode(shown).decode(), "length": length}
    walk.used += length * 4 // 3
    return {BYTES: base64.b64encode(beginning).decode()}


def _integer(walk: "Walk", value: Any, _kind: Kind, _depth: int) -> Tree:
    return walk.integer(int.__add__(value, 0))


def _float(walk: "Walk", value: Any, _kind: Kind, depth: int) -> Tree:
    return walk.value(float.__add__(value, 0.0), depth)


def _list(walk: "Walk", value: Any, _kind: Kind, depth: int) -> Tree:
    return walk.elements(list.__getitem__(value, slice(0, WIDEST)), list.__len__(value), value, depth)


def _tuple(walk: "Walk", value: Any, _kind: Kind, depth: int) -> Tree:
    return walk.elements(tuple.__getitem__(value, slice(0, WIDEST)), tuple.__len__(value), value, depth)


def _named_tuple(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    values = tuple.__getitem__(value, slice(0, WIDEST))
    pairs = list(zip(kind.field_names, values, strict=False))
    return walk.fields(value, pairs, depth, kind.type_name, tuple.__len__(value))


def _set(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    base: Any = frozenset if issubclass(kind.of, frozenset) else set
    values = list(islice(base.__iter__(value), WIDEST))
    if all(type(one) is str for one in values) or all(type(one) is int for one in values):
        values.sort()  # the order would be another in each process
    return walk.elements(values, base.__len__(value), value, depth)


def _deque(walk: "Walk", value: Any, _kind: Kind, depth: int) -> Tree:
    return walk.elements(list(islice(deque.__iter__(value), WIDEST)), deque.__len__(value), value, depth)


def _dict(walk: "Walk", value: Any, _kind: Kind, depth: int) -> Tree:
    return walk.items(value, depth)


def _enum(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    name, plain = attribute_value(value, kind, "_name_"), attribute_value(value, kind, "_value_")
    return {TYPE: kind.type_name, "name": walk.value(name, depth + 1), "value": walk.value(plain, depth + 1)}


def _exception(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    args = BaseException.__dict__["args"].__get__(value)
    return _with_fields(walk, value, kind, depth, [("args", args)])


def _object(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    return _with_fields(walk, value, kind, depth, [])


def _with_fields(walk: "Walk", value: Any, kind: Kind, depth: int, first: list[tuple[Any, Any]]) -> Tree:
    pairs = first
    more = 0
    if kind.dict_of is not None:
        attributes = kind.dict_of(value)
        pairs = pairs + list(islice(dict.items(attributes), WIDEST))
        more = dict.__len__(attributes) - WIDEST
    for name, read in kind.fields:
        try:
            pairs.append((name, read(value)))
        except AttributeError:
            continue  # never set
    if kind.family is kinds.OBJECT:
        extra = native_of(kind.of, "__pydantic_extra__")
        if extra is not None and type(found := extra(value)) is dict:
            pairs += list(islice(dict.items(found), WIDEST))
    return walk.fields(value, pairs, depth, kind.type_name, len(pairs) + max(0, more))


def _orm(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    """What SQLAlchemy has loaded; what it would have to load is said to be so."""
    attributes = kind.dict_of(value) if kind.dict_of is not None else {}
    pairs = [pair for pair in islice(dict.items(attributes), WIDEST) if pair[0] != "_sa_instance_state"]
    state = dict.get(attributes, "_sa_instance_state")
    tree = walk.fields(value, pairs, depth, kind.type_name, len(pairs))
    if state is not None and type(tree) is dict and REF not in tree and DEEP not in tree:
        known = kind_of(type(state))
        manager = attribute_value(state, known, "manager")
        if (
            kind_of(type(manager)).family is kinds.DICT
            and not dict.keys(manager) <= dict.keys(attributes)
            and attribute_value(state, known, "key") is not None
        ):
            seen = {name for name, _ in pairs}
            for name in list(islice(dict.keys(manager), WIDEST)):
                if type(name) is str and name not in seen and not walk.spent(1):
                    tree[name] = {UNLOADED: True}
                    walk.used += len(name) + 20
    return tree


def _django(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    attributes = kind.dict_of(value) if kind.dict_of is not None else {}
    pairs = [
        pair for pair in islice(dict.items(attributes), WIDEST) if type(pair[0]) is str and not pair[0].startswith("_")
    ]
    tree = walk.fields(value, pairs, depth, kind.type_name, len(pairs))
    options = attribute_of(kind.of, "_meta")
    if options is not None and type(tree) is dict and REF not in tree and DEEP not in tree:
        for field in attribute_value(options, kind_of(type(options)), "concrete_fields") or ():
            name = attribute_value(field, kind_of(type(field)), "attname")
            if type(name) is str and not dict.__contains__(attributes, name):
                tree[name] = {UNLOADED: True}
                walk.used += len(name) + 20
    return tree


def _row(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    names, values = native_of(kind.of, "_key_to_index"), native_of(kind.of, "_data")
    if names is None or values is None:
        return _tuple(walk, value, kind, depth) if issubclass(kind.of, tuple) else {TYPE: kind.type_name}
    row = values(value)
    # Columns stand in it by their position and as objects, too.
    pairs = [(name, row[at]) for name, at in list(names(value).items()) if type(name) is str and at < len(row)]
    return walk.fields(value, pairs[:WIDEST], depth, kind.type_name, len(pairs))


def _array(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    """An array of numpy or the like: its shape, the type of its elements, the first of them."""
    shape, dtype = native_of(kind.of, "shape"), native_of(kind.of, "dtype")
    tree: dict[str, Tree] = {TYPE: kind.type_name}
    assert shape is not None
    assert dtype is not None
    tree["shape"] = [int(size) for size in tuple(shape(value))[:16]]
    tree["dtype"] = str(dtype(value))[:200]
    flat = native_of(kind.of, "flat")
    if flat is not None and kind.type_name.partition(".")[0] == "numpy":
        size = 1
        for side in tree["shape"]:
            size *= side
        first = [walk.value(_plain(one), depth + 1) for one in islice(flat(value), _ARRAY_SHOWN)]
        tree["values"] = [*first, {MORE: size - len(first)}] if len(first) < size else first
    walk.used += 60
    return tree


def _array_scalar(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    plain = _plain(value)
    return walk.value(plain, depth) if type(plain) is not kind.of else {TYPE: kind.type_name}


def _plain(value: Any) -> Any:
    """A scalar of numpy as Python's."""
    item = attribute_of(type(value), "item")
    return item(value) if item is not None and kind_of(type(value)).family is kinds.ARRAY_SCALAR else value


def _frame(_walk: "Walk", value: Any, kind: Kind, _depth: int) -> Tree:
    shape = attribute_of(kind.of, "shape")
    tree: dict[str, Tree] = {TYPE: kind.type_name}
    if type(shape) is property and shape.fget is not None:
        tree["shape"] = [int(size) for size in shape.fget(value)]
    return tree


def _told(walk: "Walk", value: Any, kind: Kind, _depth: int) -> Tree:
    tell = telling_of(kind.of)
    text = tell(value) if tell is not None else ""
    return {TYPE: kind.type_name, REPR: walk.text(text)} if text else {TYPE: kind.type_name}


def _opaque(walk: "Walk", value: Any, kind: Kind, depth: int) -> Tree:
    if not kind.telling or kind.dict_of is None:
        return {TYPE: kind.type_name}
    attributes = kind.dict_of(value)
    pairs = [(name.lstrip("_"), attributes[name]) for name in kind.telling if name in attributes]
    plain = [pair for pair in pairs if id(type(pair[1])) in _PLAIN]
    return walk.fields(value, plain, depth, kind.type_name, len(plain))


_PLAIN: Final = frozenset(map(id, (str, int, float, bool, type(None))))

LOOKS: Final[dict[str, Callable[["Walk", Any, Kind, int], Tree]]] = {
    kinds.TEXT: _text,
    kinds.BYTES: _bytes,
    kinds.INTEGER: _integer,
    kinds.FLOAT: _float,
    kinds.LIST: _list,
    kinds.TUPLE: _tuple,
    kinds.NAMED_TUPLE: _named_tuple,
    kinds.SET: _set,
    kinds.DEQUE: _deque,
    kinds.DICT: _dict,
    kinds.ENUM: _enum,
    kinds.EXCEPTION: _exception,
    kinds.OBJECT: _object,
    kinds.ORM: _orm,
    kinds.DJANGO: _django,
    kinds.ROW: _row,
    kinds.ARRAY: _array,
    kinds.ARRAY_SCALAR: _array_scalar,
    kinds.FRAME: _frame,
    kinds.TOLD: _told,
    kinds.OPAQUE: _opaque,
}
