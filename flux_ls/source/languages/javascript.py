"""JavaScript and TypeScript: where functions are in their trees, and how V8 names them in stack traces.

V8 says `Pricing.price` after the receiver's class, `Object.fn` for a literal's function, `new Pricing`, and names an
anonymous function after the variable or property that it was written for. Code without such a name is `<anonymous>`.
"""

import re
from collections.abc import Sequence

from tree_sitter import Node

from flux_ls.source.languages.dialect import Dialect, Kind, Named, Read, opening, text_of

ANONYMOUS = "<anonymous>"

_CLASSES = frozenset(("class_declaration", "abstract_class_declaration", "class"))
_SCOPES = frozenset(
    (
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
        "class_static_block",
    )
)
_WRAPPERS = frozenset(
    (
        "parenthesized_expression",
        "ternary_expression",
        "binary_expression",
        "as_expression",
        "satisfies_expression",
        "non_null_expression",
        "type_assertion",
    )
)
"""What a function may be in and still have the name of what is around that."""
_NAMED_BY = {
    "variable_declarator": "name",
    "assignment_expression": "left",
    "assignment_pattern": "left",
    "object_assignment_pattern": "left",
    "required_parameter": "pattern",
    "optional_parameter": "pattern",
    "pair": "key",
    "field_definition": "property",
    "public_field_definition": "name",
}
_NAMES = frozenset(
    (
        "identifier",
        "type_identifier",
        "property_identifier",
        "private_property_identifier",
        "shorthand_property_identifier_pattern",
        "number",
    )
)
_OF_NO_CLASS = frozenset(("exports", "this", "module.exports", "globalThis", "window"))
_PART = re.compile(r"\[[^\]]*\]|<[^>]*>|[^.]+")
_ACCESSOR = re.compile(r"(?:^|(?<=\.))(?:get|set) (?=[\w$#\[])")


def _read(node: Node) -> Read | None:
    body = node.child_by_field_name("body")
    if body is None:
        return None
    kind: Kind = "class" if node.type in _CLASSES else "def"
    if node.type == "class_static_block":
        return Read("<static_initializer>", kind, node, opening(node), body)
    own = node.child_by_field_name("name")
    name = _key(own) if own is not None else ""
    inside, around = node, node.parent
    while around is not None and around.type in _WRAPPERS:
        inside, around = around, around.parent
    if around is not None and (field := _NAMED_BY.get(around.type)) is not None:
        label = around.child_by_field_name(field)
        given = _key(label) if label is not None and label != inside else ""
        if label is not None and given and (own is None or given.endswith(f".{name}")):
            # `app.use = function use() {}` goes by both names.
            return Read(given, kind, around, label, body)
    if own is not None:
        return Read(name or ANONYMOUS, kind if name else "lambda", node, own, body)
    if around is not None and around.type == "export_statement" and any(c.type == "default" for c in around.children):
        return Read("default", kind, node, opening(node), body)
    return Read(ANONYMOUS, "class" if kind == "class" else "lambda", node, opening(node), body)


def _key(node: Node) -> str:
    """The name that a function has from there; empty for one that is worked out when it runs."""
    if node.type in _NAMES:
        return text_of(node)
    if node.type == "string":
        return text_of(node)[1:-1]
    if node.type == "computed_property_name":
        text = text_of(node)
        return text if text.startswith("[Symbol.") else ""
    if node.type == "member_expression":
        owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        return "" if owner is None or name is None else _of(text_of(owner), text_of(name))
    if node.type == "subscript_expression":
        owner, name = node.child_by_field_name("object"), node.child_by_field_name("index")
        return "" if owner is None or name is None or name.type != "string" else _of(text_of(owner), _key(name))
    return ""


def _of(owner: str, name: str) -> str:
    owner = owner.removesuffix(".prototype")
    return name if owner in _OF_NO_CLASS or not re.fullmatch(r"[\w$.]+", owner) else f"{owner}.{name}"


def _qualified(own: str, _: Kind, around: Sequence[Named]) -> str:
    return f"{around[-1].qualified}.{own}" if around else own


def _recorded(function: str) -> tuple[str, ...]:
    said = function.partition(" [as ")[0].strip().removeprefix("async ")
    if said.startswith("new "):
        made = said.removeprefix("new ").strip()
        return (f"{made}.constructor", made) if made and "<" not in made else ()
    parts = _PART.findall(_ACCESSOR.sub("", said))
    if not parts or parts[-1].startswith("<"):
        return ()
    return tuple(dict.fromkeys((".".join(parts), parts[-1])))


DIALECT = Dialect(
    scopes=_SCOPES | _CLASSES,
    comments=frozenset(("comment", "html_comment")),
    read=_read,
    qualified=_qualified,
    recorded=_recorded,
    naming=frozenset((*_NAMED_BY, *_WRAPPERS, "export_statement")),
    decorators=frozenset(("decorator",)),
)
