"""Java: where methods are in its trees, and how the virtual machine names them in stack traces.

It says `shop.Cart$Line.total`, `shop.Cart.<init>` for a constructor and what initialises fields, `<clinit>` for what
is static of that, `lambda$charge$0` for a lambda, and numbers classes without a name: `shop.Cart$1.run`. The numbers
change with the code, so they are left out.
"""

import re
from collections.abc import Sequence

from tree_sitter import Node

from flux_ls.source.languages.dialect import Dialect, Kind, Named, Read, opening, text_of

ANONYMOUS = "<anonymous>"
_CONSTRUCTORS = frozenset(("constructor_declaration", "compact_constructor_declaration"))
_CLASSES = frozenset(
    (
        "class_declaration",
        "interface_declaration",
        "enum_declaration",
        "record_declaration",
        "annotation_type_declaration",
    )
)
_OWN_CLASSES = frozenset(("object_creation_expression", "enum_constant"))
"""What may have the body of a class without a name."""
_INITIALISED = {"<init>": "new", "<clinit>": "static"}
_LAMBDA = re.compile(r"lambda\$(.+)\$\d+")
_NUMBERED = re.compile(r"\d+")


def _read(node: Node) -> Read | None:
    if node.type == "static_initializer":
        block = next((child for child in node.children if child.type == "block"), None)
        return None if block is None else Read("<clinit>", "def", node, opening(node), block)
    if node.type in _OWN_CLASSES:
        inside = next((child for child in node.children if child.type == "class_body"), None)
        return None if inside is None else Read(ANONYMOUS, "class", node, opening(node), inside)
    body, name = node.child_by_field_name("body"), node.child_by_field_name("name")
    if body is None:
        return None
    if node.type == "lambda_expression":
        return Read("lambda$", "lambda", node, opening(node), body)
    if name is None:
        return None
    if node.type in _CLASSES:
        return Read(text_of(name), "class", node, name, body)
    return Read("<init>" if node.type in _CONSTRUCTORS else text_of(name), "def", node, name, body)


def _qualified(own: str, kind: Kind, around: Sequence[Named]) -> str:
    inner, owner = "", ""
    for scope in reversed(around):
        if scope.kind == "class":
            owner = scope.qualified
            break
        if scope.kind == "def":
            inner = scope.own
    if kind == "class":
        return f"{owner}${own}" if owner else own
    if kind == "lambda":
        own += _INITIALISED.get(inner, inner) or "new"
    return f"{owner}.{own}" if owner else own


def _recorded(function: str) -> tuple[str, ...]:
    owner, _, method = function.strip().rpartition("/")[2].rpartition(".")
    owner = owner.rpartition(".")[2]
    if not method or "$$" in owner:
        return ()
    outer, *inner = owner.split("$")
    owner = "$".join((outer, *(_NUMBERED.sub("", part, count=1) or ANONYMOUS for part in inner)))
    of = f"{owner}." if owner else ""
    if found := _LAMBDA.fullmatch(method):
        if found[1] == "null":
            return ()
        # A lambda that initialises a static field is written like one of a field.
        return (f"{of}lambda${found[1]}", *((f"{of}lambda$new",) if found[1] == "static" else ()))
    if method.startswith(("lambda$", "access$")):
        return ()
    if method in _INITIALISED:
        return (f"{of}{method}", owner) if owner else (method,)
    return (f"{of}{method}",)


DIALECT = Dialect(
    scopes=_CONSTRUCTORS | _CLASSES | _OWN_CLASSES | {"method_declaration", "lambda_expression", "static_initializer"},
    comments=frozenset(("line_comment", "block_comment")),
    read=_read,
    qualified=_qualified,
    recorded=_recorded,
)
