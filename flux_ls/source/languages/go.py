"""Go: where functions are in its trees, and how the runtime names them in stack traces.

The runtime says `example.com/shop/cart.(*Cart).Total`, and numbers function literals within the function around:
`main.handler.func1.2`. The numbers change with the code, and with what the compiler inlines: they are left out.
"""

import re
from collections.abc import Sequence

from tree_sitter import Node

from flux_ls.source.languages.dialect import Dialect, Kind, Named, Read, opening, text_of

LITERAL = "func"
_GLOBAL = "glob."
"""What stands for the function around a literal that a package's variable is made of."""
_PART = re.compile(r"\(\*?[^()]*\)|[^.]+")
_TYPE_ARGUMENTS = re.compile(r"\[[^\[\]]*\]")
_LITERAL = re.compile(r"func\d+|\d+")
_MADE_UP = re.compile(r"gowrap\d+|deferwrap\d+")
"""Functions that the compiler makes of a `go` or `defer` statement."""
_PART_OF = re.compile(r"-(?:fm|range\d+)$")
"""A method as a value, and the body of a loop over a function."""


def _read(node: Node) -> Read | None:
    body = node.child_by_field_name("body")
    if body is None:
        return None
    if node.type == "func_literal":
        return Read(LITERAL, "lambda", node, opening(node), body)
    name = node.child_by_field_name("name")
    if name is None:
        return None
    receiver = node.child_by_field_name("receiver")
    own = text_of(name) if receiver is None else f"{_type(receiver)}.{text_of(name)}"
    return Read(own, "def", node, name, body)


def _type(receiver: Node) -> str:
    """`Cart` for `(c Cart)`, `(*Cart)` for `(c *Cart[T])`."""
    text = text_of(receiver).strip("() \t\n,").partition("[")[0]
    name = re.split(r"[\s*]", text)[-1]
    return f"(*{name})" if "*" in text else name


def _qualified(own: str, kind: Kind, around: Sequence[Named]) -> str:
    if around:
        return f"{around[-1].qualified}.{own}"
    return f"{_GLOBAL}.{own}" if kind == "lambda" else own


def _recorded(function: str) -> tuple[str, ...]:
    said = function.strip()
    while (plain := _TYPE_ARGUMENTS.sub("", said)) != said:
        said = plain
    said = said.rpartition("/")[2]
    parts = _PART.findall(said)
    if len(parts) > 1 and not said.startswith("("):
        parts = parts[1:]
    names: list[str] = []
    for position, part in enumerate(parts):
        name = _PART_OF.sub("", part)
        following = parts[position + 1] if position + 1 < len(parts) else ""
        if name == "glob" or (name == "init" and following and not following.isdecimal()):
            names.append(_GLOBAL)
        elif _LITERAL.fullmatch(name):
            # `init.0` is the first of several functions called `init`.
            if name.startswith("func") or names[-1:] == [LITERAL]:
                names.append(LITERAL)
        elif not _MADE_UP.fullmatch(name):
            names.append(name)
    # A literal that was inlined with its function is named after what is around that, too.
    begins = [position for position, name in enumerate(names) if name != LITERAL]
    return tuple(dict.fromkeys(".".join(names[position:]) for position in begins))


DIALECT = Dialect(
    scopes=frozenset(("function_declaration", "method_declaration", "func_literal")),
    comments=frozenset(("comment",)),
    read=_read,
    qualified=_qualified,
    recorded=_recorded,
)
