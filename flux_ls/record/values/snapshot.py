"""snapshot: any object as the JSON tree that it is at this moment, bounded in size, depth and time.

Of a value, only what lies there is looked at: nothing is loaded, consumed, evaluated or called. Containers are read
through the methods of the built-in types, in one step, so that a thread that changes them meanwhile does no harm.
A mapping or sequence that is not made of a built-in one is an object like any other: it may be lazy or without end.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from time import perf_counter
from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.redaction.texts import is_suspect, redact_cut
from flux_ls.record.redaction.trees import Tree, is_secret_value, redact_pair, redact_texts
from flux_ls.record.values import kinds
from flux_ls.record.values.fit import fit
from flux_ls.record.values.kinds import Kind, attribute_of, kind_of, native_of
from flux_ls.record.values.telling import telling_of
from flux_ls.record.wire import BYTES, CUT, DEEP, FLOAT, MORE, REDACTED, REF, REPR, TYPE, UNLOADED, UNREADABLE

VALUE_BUDGET: Final = 4096
"""Characters of JSON, about."""

_DEEPEST: Final = 12
_WIDEST: Final = 200
_MOST_NODES: Final = 2000
_QUICK_NODES: Final = 256
"""Seen before anybody looks at the clock."""
_QUICK_DEPTH: Final = 6
_SLOWEST_S: Final = 0.01
_INLINE: Final = 1024
"""Longer texts are looked at more closely."""
_LONGEST_KEY: Final = 200
_ARRAY_SHOWN: Final = 8
_SHORT: Final = 5
"""No shorter text has a secret in it."""
_BIGGEST_INT: Final = 1 << 63
_SMALLEST_CARD: Final = 10**13
_KNOWN_NAMES: Final = 8192

_plain_names: dict[str, str] = {}
"""Names that are no secrets, as they are written."""


class Captured:
    """An attribute's value that is a tree: encoded as JSON text when it is exported."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree) -> None:
        self.tree = tree


def snapshot(value: object, budget: int = VALUE_BUDGET) -> Tree:
    """The value as it is now, without secrets. Never raises."""
    kind = type(value)
    if kind is bool or value is None:
        return value
    walk = _Walk(budget)
    return walk.finish(_seen(value, kind, walk))


def snapshot_items(pairs: Iterable[tuple[str, object]], budget: int = VALUE_BUDGET) -> Captured:
    """Arguments or locals by name: one object. The budget is for each of them."""
    tree: dict[str, Tree] = {}
    texts: list[str] = []
    for name, value in pairs:
        key = _plain_names.get(name)
        if key is None:
            key, judged = _name(name)
            if judged is not Verdict.OPEN and _is_secret(judged, value):
                tree[key] = REDACTED
                continue
        kind = type(value)
        if kind is str:
            if len(value) <= budget:  # type: ignore[arg-type]
                tree[key] = value
                texts.append(value)  # type: ignore[arg-type]
                continue
        elif value is None or kind is bool or (kind is int and -_SMALLEST_CARD < value < _SMALLEST_CARD):  # type: ignore[operator]
            tree[key] = value
            continue
        walk = _Walk(budget)
        tree[key] = walk.finish(_seen(value, kind, walk))
    if texts and is_suspect(texts[0] if len(texts) == 1 else "\n".join(texts)):
        tree = redact_texts(tree)
    return Captured(tree)


def _seen(value: Any, kind: type, walk: "_Walk") -> Tree:
    if kind is dict or kind is list:
        # Most are small and made of nothing else: it is tried without counting what each part takes.
        try:
            tree = _quick_items(value, 0, walk) if kind is dict else _quick_elements(value, 0, walk)
            walk.used += walk.nodes * 8 + sum(map(len, walk.texts))
            if walk.used <= walk.budget:
                return tree
        except _NotQuick:
            pass
        walk.used = walk.nodes = 0
        walk.texts = []
    return walk.value(value, 0)


class _NotQuick(Exception):
    """A value is larger or deeper than most."""


def _quick_items(value: dict[Any, Any], depth: int, walk: "_Walk") -> Tree:
    walk.nodes += len(value)
    if walk.nodes > _QUICK_NODES or depth > _QUICK_DEPTH:
        raise _NotQuick
    tree: dict[str, Tree] = {}
    known = _plain_names.get
    text = walk.texts.append
    for name, part in list(value.items()):
        if type(name) is not str or (key := known(name)) is None:
            key, judged = _name(name)
            if judged is not Verdict.OPEN and _is_secret(judged, part):
                tree[key] = REDACTED
                continue
            if key in tree:
                raise _NotQuick
        kind = type(part)
        if kind is str:
            tree[key] = part
            text(part)
        elif part is None or kind is bool:
            tree[key] = part
        elif kind is dict:
            tree[key] = _quick_items(part, depth + 1, walk)
        elif kind is list:
            tree[key] = _quick_elements(part, depth + 1, walk)
        elif kind is int and -_SMALLEST_CARD < part < _SMALLEST_CARD:
            tree[key] = part
        elif kind is float and part - part == 0.0:
            tree[key] = part
        else:
            tree[key] = walk.value(part, depth + 1)
    return redact_pair(tree) if "value" in tree else tree


def _quick_elements(value: list[Any], depth: int, walk: "_Walk") -> Tree:
    walk.nodes += len(value)
    if walk.nodes > _QUICK_NODES or depth > _QUICK_DEPTH:
        raise _NotQuick
    tree = value.copy()
    text = walk.texts.append
    for at, part in enumerate(tree):
        kind = type(part)
        if kind is str:
            text(part)
        elif part is None or kind is bool or (kind is int and -_SMALLEST_CARD < part < _SMALLEST_CARD):
            pass
        elif kind is dict:
            tree[at] = _quick_items(part, depth + 1, walk)
        elif kind is list:
            tree[at] = _quick_elements(part, depth + 1, walk)
        else:
            tree[at] = walk.value(part, depth + 1)
    return redact_pair(tree) if len(tree) == 2 else tree


def _name(name: Any) -> tuple[str, Verdict]:
    """How a key is written, and what it says about its value."""
    if type(name) is not str:
        name = _key_text(name)
    judged = verdict(name)
    key = name if len(name) <= _LONGEST_KEY else redact_cut(name[:_LONGEST_KEY]) + "…"
    if name[:1] == "$":
        key = "$" + key
    if len(name) >= 16 and is_suspect(name):
        key = redact_texts(key)
    elif judged is Verdict.OPEN and len(name) <= _LONGEST_KEY:
        if len(_plain_names) >= _KNOWN_NAMES:
            _plain_names.clear()
        _plain_names[name] = key
    return key, judged


def _key_text(key: Any) -> str:
    kind = type(key)
    if key is None or kind is bool or kind is int or kind is float:
        return (
            repr(key)
            if kind is not int or -_BIGGEST_INT < key < _BIGGEST_INT
            else hex(key >> max(0, key.bit_length() - 64))
        )
    told = kind_of(kind)
    if told.family is kinds.TEXT:
        return str.__str__(key)
    if told.family is kinds.TUPLE:
        return "(" + ", ".join(_key_text(part) for part in tuple.__getitem__(key, slice(0, 8))) + ")"
    if told.family is kinds.BYTES and kind is bytes:
        return bytes(key[:_LONGEST_KEY]).decode("utf-8", "backslashreplace")
    if told.family is kinds.ENUM:
        name = attribute_value(key, told, "_name_")
        return name if type(name) is str else told.type_name
    if told.family is kinds.TOLD and (tell := telling_of(kind)) is not None:
        return tell(key)
    return f"<{told.type_name}>"


def _is_secret(judged: Verdict, value: object) -> bool:
    if value is None or value is True or value is False:
        return False
    if judged is Verdict.SECRET:
        return True
    kind = type(value)
    if kind is bytes:
        value = value[:200].decode("latin-1")  # type: ignore[index]
        kind = str
    if kind is str or kind is int or kind is float or kind is tuple or kind is list:
        return is_secret_value(judged, value)
    return False


class _Walk:
    """One look at one value."""

    __slots__ = ("budget", "deadline", "inside", "nodes", "texts", "used")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.nodes = 0
        self.deadline = 0.0
        self.inside: list[int] = []
        self.texts: list[str] = []

    def finish(self, tree: Tree) -> Tree:
        texts = self.texts
        if texts and is_suspect(texts[0] if len(texts) == 1 else "\n".join(texts)):
            tree = redact_texts(tree)
        return fit(tree, self.budget) if self.used > self.budget else tree

    def value(self, value: Any, depth: int) -> Tree:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if value is None or kind is bool:
            self.used += 4
            return value
        if kind is int:
            return self.integer(value)
        if kind is dict:
            return self.items(value, depth)
        if kind is list:
            return self.elements(value[:_WIDEST], list.__len__(value), value, depth)
        if kind is float:
            self.used += 12
            return value if value - value == 0.0 else {FLOAT: repr(value)}
        try:
            return self.other(value, kind, depth)
        except Exception as error:
            return {UNREADABLE: type(error).__name__}

    def text(self, value: str) -> Tree:
        length = len(value)
        self.used += length + 3
        if length > self.budget:
            return {CUT: redact_cut(value[: self.budget]), "length": length}
        if length >= _SHORT:
            self.texts.append(value)
        return value

    def integer(self, value: int) -> Tree:
        self.used += 6
        if -_SMALLEST_CARD < value < _SMALLEST_CARD:
            return value
        if -_BIGGEST_INT <= value < _BIGGEST_INT:
            self.used += 12
            return REDACTED if is_secret_value(Verdict.OPEN, value) else value
        bits = value.bit_length()
        self.used += 60
        if bits <= 1024:
            return {TYPE: "int", REPR: str(value)}
        sign = "-" if value < 0 else ""
        return {TYPE: "int", REPR: f"{sign}{abs(value) >> (bits - 64):#x}…, a number of {bits} bits"}

    def spent(self, nodes: int) -> bool:
        """Whether enough was seen, given that so many are about to be."""
        self.nodes += nodes
        if self.used > 4 * self.budget or self.nodes > _MOST_NODES:
            return True
        if self.nodes > _QUICK_NODES:
            now = perf_counter()
            if not self.deadline:
                self.deadline = now + _SLOWEST_S
            return now > self.deadline
        return False

    def mark(self, value: object, depth: int) -> Tree | None:
        """The mark for what is not looked into."""
        if depth >= _DEEPEST:
            return {DEEP: kind_of(type(value)).type_name}
        if id(value) in self.inside:
            return {REF: kind_of(type(value)).type_name}
        return None

    def items(self, value: dict[Any, Any], depth: int) -> Tree:
        length = dict.__len__(value)
        pairs = list(dict.items(value)) if length <= _WIDEST else list(islice(dict.items(value), _WIDEST))
        return self.fields(value, pairs, depth, "", length)

    def fields(self, of: object, pairs: list[tuple[Any, Any]], depth: int, type_name: str, length: int) -> Tree:
        inside = self.inside
        if (depth >= _DEEPEST or id(of) in inside) and (mark := self.mark(of, depth)) is not None:
            return mark
        inside.append(id(of))
        tree: dict[str, Tree] = {}
        if type_name:
            tree[TYPE] = type_name
        known, texts = _plain_names.get, self.texts
        used, room = 0, 4 * self.budget
        seen = 0
        if self.spent(len(pairs)):
            pairs = []
        for name, value in pairs:
            seen += 1
            if type(name) is str and (key := known(name)) is not None:
                used += 8
            else:
                key, judged = _name(name)
                used += len(key)
                if judged is not Verdict.OPEN and _is_secret(judged, value):
                    tree[key] = REDACTED
                    continue
                if key in tree:
                    key = f"{key} ({seen})"
            kind = type(value)
            if kind is str:
                size = len(value)
                if size <= _INLINE:
                    used += size
                    tree[key] = value
                    if size >= _SHORT:
                        texts.append(value)
                    if used > room:
                        break
                else:
                    tree[key] = self.text(value)
            elif value is None or kind is bool or (kind is int and -_SMALLEST_CARD < value < _SMALLEST_CARD):
                tree[key] = value
            else:
                self.used += used
                used = 0
                tree[key] = self.value(value, depth + 1)
                if self.used > room:
                    break
        self.used += used + len(type_name)
        if seen < length:
            tree[MORE] = length - seen
        inside.pop()
        return redact_pair(tree) if "value" in tree else tree

    def elements(self, values: list[Any] | tuple[Any, ...], length: int, of: object, depth: int) -> Tree:
        inside = self.inside
        if (depth >= _DEEPEST or id(of) in inside) and (mark := self.mark(of, depth)) is not None:
            return mark
        inside.append(id(of))
        tree: list[Tree] = []
        texts, room = self.texts, 4 * self.budget
        if self.spent(len(values)):
            values = ()
        for value in values:
            kind = type(value)
            if kind is str and len(value) <= _INLINE:
                self.used += len(value) + 3
                tree.append(value)
                if len(value) >= _SHORT:
                    texts.append(value)
            else:
                tree.append(self.value(value, depth + 1))
            if self.used > room:
                break
        if len(tree) < length:
            tree.append({MORE: length - len(tree)})
        inside.pop()
        return redact_pair(tree) if len(tree) == 2 else tree

    def other(self, value: Any, of: type, depth: int) -> Tree:
        if of is Captured:
            self.used += 8
            return value.tree
        kind = kind_of(of)
        self.used += len(kind.type_name) + 12
        return _LOOKS[kind.family](self, value, kind, depth)


def attribute_value(value: Any, kind: Kind, name: str) -> Any:
    """What an object's `__dict__` has; None if it has none."""
    return dict.get(kind.dict_of(value), name) if kind.dict_of is not None else None


def _text(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    length = str.__len__(value)
    if length > walk.budget:
        walk.used += walk.budget
        return {CUT: redact_cut(str.__getitem__(value, slice(0, walk.budget))), "length": length}
    return walk.text(str.__str__(value))


def _bytes(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    if kind.of is memoryview:
        length = value.nbytes
        view = value if value.ndim == 1 and value.itemsize == 1 else value.cast("B") if value.contiguous else None
        beginning = bytes(view[: walk.budget]) if view is not None else b""
    else:
        base = bytes if issubclass(kind.of, bytes) else bytearray  # what types are is asked of types only
        length = base.__len__(value)
        beginning = bytes(base.__getitem__(value, slice(0, walk.budget)))
    return bytes_tree(walk, beginning, length)


def bytes_tree(walk: _Walk, beginning: bytes, length: int) -> Tree:
    """Text if it is text; `beginning` is as much of it as there is to show."""
    import base64

    is_cut = length > len(beginning)
    try:
        text = beginning.decode()
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


def _integer(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return walk.integer(int.__add__(value, 0))


def _float(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return walk.value(float.__add__(value, 0.0), depth)


def _list(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return walk.elements(list.__getitem__(value, slice(0, _WIDEST)), list.__len__(value), value, depth)


def _tuple(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return walk.elements(tuple.__getitem__(value, slice(0, _WIDEST)), tuple.__len__(value), value, depth)


def _named_tuple(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    values = tuple.__getitem__(value, slice(0, _WIDEST))
    pairs = list(zip(kind.field_names, values, strict=False))
    return walk.fields(value, pairs, depth, kind.type_name, tuple.__len__(value))


def _set(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    base: Any = frozenset if issubclass(kind.of, frozenset) else set
    values = list(islice(base.__iter__(value), _WIDEST))
    if all(type(one) is str for one in values) or all(type(one) is int for one in values):
        values.sort()  # the order would be another in each process
    return walk.elements(values, base.__len__(value), value, depth)


def _deque(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return walk.elements(list(islice(deque.__iter__(value), _WIDEST)), deque.__len__(value), value, depth)


def _dict(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return walk.items(value, depth)


def _enum(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    name, plain = attribute_value(value, kind, "_name_"), attribute_value(value, kind, "_value_")
    return {TYPE: kind.type_name, "name": walk.value(name, depth + 1), "value": walk.value(plain, depth + 1)}


def _exception(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    args = BaseException.__dict__["args"].__get__(value)
    return _with_fields(walk, value, kind, depth, [("args", args)])


def _object(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    return _with_fields(walk, value, kind, depth, [])


def _with_fields(walk: _Walk, value: Any, kind: Kind, depth: int, first: list[tuple[Any, Any]]) -> Tree:
    pairs = first
    more = 0
    if kind.dict_of is not None:
        attributes = kind.dict_of(value)
        pairs = pairs + list(islice(dict.items(attributes), _WIDEST))
        more = dict.__len__(attributes) - _WIDEST
    for name, read in kind.fields:
        try:
            pairs.append((name, read(value)))
        except AttributeError:
            continue  # never set
    if kind.family is kinds.OBJECT:
        extra = native_of(kind.of, "__pydantic_extra__")
        if extra is not None and type(found := extra(value)) is dict:
            pairs += list(islice(dict.items(found), _WIDEST))
    return walk.fields(value, pairs, depth, kind.type_name, len(pairs) + max(0, more))


def _orm(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    """What SQLAlchemy has loaded; what it would have to load is said to be so."""
    attributes = kind.dict_of(value) if kind.dict_of is not None else {}
    pairs = [pair for pair in islice(dict.items(attributes), _WIDEST) if pair[0] != "_sa_instance_state"]
    state = dict.get(attributes, "_sa_instance_state")
    tree = walk.fields(value, pairs, depth, kind.type_name, len(pairs))
    if state is not None and type(tree) is dict:
        known = kind_of(type(state))
        manager = attribute_value(state, known, "manager")
        if attribute_value(state, known, "key") is not None and kind_of(type(manager)).family is kinds.DICT:
            seen = {name for name, _ in pairs}
            for name in list(islice(dict.keys(manager), _WIDEST)):
                if type(name) is str and name not in seen and not walk.spent(1):
                    tree[name] = {UNLOADED: True}
                    walk.used += len(name) + 20
    return tree


def _django(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    attributes = kind.dict_of(value) if kind.dict_of is not None else {}
    pairs = [
        pair for pair in islice(dict.items(attributes), _WIDEST) if type(pair[0]) is str and not pair[0].startswith("_")
    ]
    tree = walk.fields(value, pairs, depth, kind.type_name, len(pairs))
    options = attribute_of(kind.of, "_meta")
    if options is not None and type(tree) is dict:
        for field in attribute_value(options, kind_of(type(options)), "concrete_fields") or ():
            name = attribute_value(field, kind_of(type(field)), "attname")
            if type(name) is str and not dict.__contains__(attributes, name):
                tree[name] = {UNLOADED: True}
                walk.used += len(name) + 20
    return tree


def _array(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
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


def _array_scalar(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    plain = _plain(value)
    return walk.value(plain, depth) if type(plain) is not kind.of else {TYPE: kind.type_name}


def _plain(value: Any) -> Any:
    """A scalar of numpy as Python's."""
    item = attribute_of(type(value), "item")
    return item(value) if item is not None and type(value).__module__ == "numpy" else value


def _frame(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    shape = attribute_of(kind.of, "shape")
    tree: dict[str, Tree] = {TYPE: kind.type_name}
    if type(shape) is property and shape.fget is not None:
        tree["shape"] = [int(size) for size in shape.fget(value)]
    return tree


def _told(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    tell = telling_of(kind.of)
    text = tell(value) if tell is not None else ""
    return {TYPE: kind.type_name, REPR: walk.text(text)} if text else {TYPE: kind.type_name}


def _opaque(walk: _Walk, value: Any, kind: Kind, depth: int) -> Tree:
    if not kind.telling or kind.dict_of is None:
        return {TYPE: kind.type_name}
    attributes = kind.dict_of(value)
    pairs = [(name.lstrip("_"), attributes[name]) for name in kind.telling if name in attributes]
    plain = [pair for pair in pairs if id(type(pair[1])) in _PLAIN]
    return walk.fields(value, plain, depth, kind.type_name, len(plain))


_PLAIN: Final = frozenset(map(id, (str, int, float, bool, type(None))))

_LOOKS: Final = {
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
    kinds.ARRAY: _array,
    kinds.ARRAY_SCALAR: _array_scalar,
    kinds.FRAME: _frame,
    kinds.TOLD: _told,
    kinds.OPAQUE: _opaque,
}
