"""Names that are nearly right: attributes, variables, imports."""

import re
import sys
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine, decided, only
from flux_ls.analysis.suggestions.names import (
    attributes_of_class,
    closest,
    definitions,
    import_statements,
    parameter_name,
    parameters,
    visible,
)
from flux_ls.analysis.suggestions.suggestion import Edit, Position, Suggestion
from flux_ls.analysis.suggestions.syntax import class_of, descendants, field, function_of, role, text
from flux_ls.analysis.suggestions.values import is_plain_dict, listed, names, type_of

_NO_ATTRIBUTE = re.compile(r"(?:'([\w.]+)' object|type object '([\w.]+)') has no attribute '(\w+)'")
_NO_NAME = re.compile(r"(?:free variable |global )?'?name '(\w+)' is not defined|name '(\w+)' is not defined")
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")
_BUILTIN_TYPES: dict[str, type] = {
    kind.__name__: kind for kind in (str, list, dict, set, tuple, int, float, bytes, bytearray, frozenset)
}
_HABITS = {
    ("list", "add"): "append",
    ("list", "push"): "append",
    ("list", "length"): "",
    ("set", "append"): "add",
    ("dict", "iteritems"): "items",
    ("dict", "iterkeys"): "keys",
    ("dict", "itervalues"): "values",
    ("str", "trim"): "strip",
    ("str", "includes"): "",
}
"""What people of other languages write; nothing where Python has no method for it."""
_DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "PyJWT",
    "PIL": "Pillow",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def misspelled_attribute(failing: FailingLine) -> Iterator[Suggestion]:
    found = _NO_ATTRIBUTE.match(failing.message) if failing.error == "AttributeError" else None
    kind = "" if found is None else found[1] or found[2]
    if found is None or failing.below or kind in ("NoneType", "coroutine", "module"):
        return
    wanted = found[3]
    nodes = [n for n in failing.nodes("attribute") if text(field(n, "attribute")) == wanted]
    node = decided(nodes, lambda each: _is_of(failing, field(each, "object"), kind))
    owner, name = (None, None) if node is None else (field(node, "object"), field(node, "attribute"))
    if node is None or owner is None or name is None or role(node) == "store":
        return
    value = failing.recorded(owner).value
    if kind == "dict" and is_plain_dict(value) and wanted in names(value) and role(node) == "load":
        yield Suggestion(
            f'Use {text(owner)}["{wanted}"]: it is a dict',
            f"{text(owner)} at {failing.place} is a dict with the key {wanted!r}",
            failing.replace(node, f'{text(owner)}["{wanted}"]'),
        )
        return
    known = _attributes(failing, kind, owner)
    meant = _HABITS.get((kind, wanted)) if (kind, wanted) in _HABITS else closest(wanted, known)
    if meant and meant in known:
        shown = [each for each in known if not each.startswith("_")]
        told = f"; it has {listed(shown)}" if 0 < len(shown) <= 30 else ""
        yield Suggestion(
            f"Did you mean {meant}?",
            f"{text(owner)} at {failing.place} is a {kind} and has no {wanted}{told}",
            failing.replace(name, meant),
        )


def _is_of(failing: FailingLine, node: Node | None, kind: str) -> bool | None:
    """Whether the recording says that the expression was an object of that type."""
    recorded = failing.recorded(node)
    if not recorded.known:
        return None
    told = type_of(recorded.value)
    if told is not None:
        return told.rpartition(".")[2] == kind.rpartition(".")[2]
    if is_plain_dict(recorded.value):
        return kind == "dict" or None
    return (type(recorded.value).__name__ == kind) or None


def _attributes(failing: FailingLine, kind: str, owner: Node) -> list[str]:
    """The attributes that an object of the type is known to have."""
    if kind in _BUILTIN_TYPES:
        return [name for name in dir(_BUILTIN_TYPES[kind]) if not name.startswith("_")]
    found = dict.fromkeys(names(failing.recorded(owner).value))
    function = function_of(owner)
    around = None if function is None else class_of(function)
    classes = [each for each in definitions(failing.syntax, kind) if each.type == "class_definition"]
    if around is not None and text(owner) == "self" and text(field(around, "name")) == kind:
        classes = [around]
    if len(classes) == 1:
        found.update(dict.fromkeys(attributes_of_class(classes[0])))
    return list(found)


def misspelled_name(failing: FailingLine) -> Iterator[Suggestion]:
    found = _NO_NAME.search(failing.message) if failing.error == "NameError" else None
    if found is None or failing.below:
        return
    wanted = found[1] or found[2]
    used = [node for node in failing.nodes("identifier") if text(node) == wanted and _is_variable(node)]
    if not used:
        return
    evidence = f"{wanted} at {failing.place} is no name that this code can see"
    function = function_of(used[0])
    if wanted == "self" and function is not None and class_of(function) is not None:
        if (edit := _with_self(failing, function)) is not None:
            yield Suggestion(
                f"Give {text(field(function, 'name'))}() its self",
                f"self is used at {failing.place}, and {text(field(function, 'name'))}() does not take it",
                edit,
                sure=True,
            )
        return
    if function is not None and class_of(function) is not None and _takes_self(function):
        around = class_of(function)
        if around is not None and wanted in attributes_of_class(around):
            yield Suggestion(
                f"Did you mean self.{wanted}?",
                f"{evidence}; {text(field(around, 'name'))} has it",
                failing.replace(used[0], f"self.{wanted}") if len(used) == 1 else None,
            )
            return
    if wanted in sys.stdlib_module_names and _is_owner(used[0]):
        yield Suggestion(f"Import {wanted}", evidence, _import(failing, wanted), sure=True)
        return
    candidates = visible(failing.syntax, used[0]) | set(failing.locals or ())
    if (meant := closest(wanted, candidates)) is not None:
        edit = failing.replace(used[0], meant) if len(used) == 1 else None
        yield Suggestion(f"Did you mean {meant}?", evidence, edit)


def _is_variable(node: Node) -> bool:
    """Whether the identifier is a name that is read, and no attribute, keyword or target."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "attribute":
        return field(parent, "object") == node
    if parent.type == "keyword_argument":
        return field(parent, "value") == node
    if parent.type in ("assignment", "augmented_assignment"):
        return field(parent, "right") == node or parent.type == "augmented_assignment"
    return parent.type not in (
        "parameters",
        "dotted_name",
        "default_parameter",
        "as_pattern_target",
        "global_statement",
    )


def _is_owner(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "attribute" and field(parent, "object") == node


def _takes_self(function: Node) -> bool:
    given = parameters(function)
    return bool(given) and parameter_name(given[0]) == "self"


def _with_self(failing: FailingLine, function: Node) -> Edit | None:
    listed_parameters = field(function, "parameters")
    above = function.parent
    if listed_parameters is None or _takes_self(function) or listed_parameters.has_error:
        return None
    if above is not None and above.type == "decorated_definition":
        return None
    opening = failing.syntax.end(listed_parameters.children[0])
    return failing.insert(opening, "self, " if parameters(function) else "self")


def _import(failing: FailingLine, module: str) -> Edit | None:
    """`import module` before the first import at the top of the file; None where there is none to stand with."""
    for node in import_statements(failing.syntax):
        if node.type == "future_import_statement" or node.parent is None or node.parent.type != "module":
            continue
        start = failing.syntax.start(node)
        if start.column == 1:
            return failing.insert(start, f"import {module}{failing.syntax.newline}")
    body = [child for child in failing.syntax.root.children if child.type != "comment"]
    if body and body[0].type != "expression_statement" and body[0].type != "future_import_statement":
        row = body[0].start_point.row
        return failing.insert(Position(row + 1, 1), f"import {module}{failing.syntax.newline * 2}")
    return None


def missing_module(failing: FailingLine) -> Iterator[Suggestion]:
    found = _NO_MODULE.match(failing.message) if failing.error in ("ModuleNotFoundError", "ImportError") else None
    if found is None or failing.below or not failing.nodes("import_statement", "import_from_statement"):
        return
    module = found[1]
    written = [
        node
        for statement in failing.nodes("import_statement", "import_from_statement")
        for node in descendants(statement, ("dotted_name",))
        if text(node) == module or text(node).startswith(module + ".")
    ]
    node = only(written)
    if node is None:
        return
    evidence = f"the interpreter that ran {failing.place} has no module {module}"
    top = module.partition(".")[0]
    if top == module and (meant := closest(module, sys.stdlib_module_names)) is not None and text(node) == module:
        yield Suggestion(f"Did you mean {meant}?", evidence, failing.replace(node, meant))
    elif top == module:
        distribution = _DISTRIBUTIONS.get(top, top)
        known = f"Install {distribution}" if top in _DISTRIBUTIONS else f"Install what provides {top}"
        yield Suggestion(f"{known} into the environment that runs the application", evidence)
