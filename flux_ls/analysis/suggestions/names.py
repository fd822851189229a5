"""What names stand for in a file: imports, assignments and definitions, looked up only where the text has them."""

import builtins
import difflib
import re
from collections.abc import Iterable, Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.syntax import (
    Syntax,
    ancestors,
    class_of,
    descendants,
    field,
    function_of,
    scope_of,
    text,
)

_ALIKE = 0.72
_MOST_LINES = 400
"""Lines with a name that are looked at."""
BUILTINS = frozenset(dir(builtins))


def imports(syntax: Syntax) -> dict[str, str]:
    """What each imported name stands for: `post` for `requests.post`, wherever in the file it is imported."""
    found: dict[str, str] = {}
    for node in import_statements(syntax):
        module = field(node, "module_name")
        base = text(module) + "." if module is not None else ""
        if base.startswith("."):
            continue
        for name in node.children_by_field_name("name"):
            if name.type == "aliased_import":
                found[text(field(name, "alias"))] = base + text(field(name, "name"))
            elif base:
                found[text(name)] = base + text(name)
            else:
                # `import a.b` binds `a`.
                head = text(name).partition(".")[0]
                found[head] = head
    return found


def import_statements(syntax: Syntax) -> Iterator[Node]:
    for row, line in enumerate(syntax.lines):
        stripped = line.lstrip()
        if stripped.startswith(("import ", "from ")):
            column = len(line[: len(line) - len(stripped)].encode("utf-8", "replace"))
            node = syntax.root.descendant_for_point_range((row, column), (row, column))
            for each in (node, *ancestors(node)) if node is not None else ():
                if each.type in ("import_statement", "import_from_statement", "future_import_statement"):
                    yield each
                    break


def dotted(node: Node | None, imported: dict[str, str]) -> str | None:
    """What a name or an attribute of it stands for, by the imports: `requests.post`."""
    if node is None:
        return None
    if node.type == "identifier":
        return imported.get(text(node))
    if node.type == "attribute":
        inner = dotted(field(node, "object"), imported)
        return None if inner is None else f"{inner}.{text(field(node, 'attribute'))}"
    return None


def occurrences(syntax: Syntax, name: str) -> Iterator[Node]:
    """The identifiers of that name."""
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for row, line in _lines_with(syntax, name):
        for match in pattern.finditer(line):
            column = len(line[: match.start()].encode("utf-8", "replace"))
            node = syntax.root.descendant_for_point_range((row, column), (row, column))
            if node is not None and node.type == "identifier" and text(node) == name:
                yield node


def _lines_with(syntax: Syntax, name: str) -> list[tuple[int, str]]:
    found = []
    for row, line in enumerate(syntax.lines):
        if name in line:
            found.append((row, line))
            if len(found) == _MOST_LINES:
                break
    return found


def assigned(syntax: Syntax, target: Node) -> list[Node]:
    """The values that a name or an attribute (`self.client`) is given in the file, by `=` or `with … as`.

    A name counts in the functions that see it; an attribute anywhere, spelled the same.
    """
    spelled = text(target)
    name = spelled.rpartition(".")[2]
    seen_from = list(_scopes(target))
    found = []
    for node in occurrences(syntax, name):
        place = node.parent if node.parent is not None and node.parent.type == "attribute" else node
        if text(place) != spelled or (target.type == "identifier" and scope_of(place) not in seen_from):
            continue
        value = given_to(place)
        if value is not None:
            found.append(value)
    return found


def given_to(target: Node) -> Node | None:
    """The value that a name or attribute is given where it stands; None where it is only read."""
    parent = target.parent
    if parent is None:
        return None
    if parent.type == "assignment" and field(parent, "left") == target:
        return field(parent, "right")
    if parent.type == "named_expression" and field(parent, "name") == target:
        return field(parent, "value")
    if parent.type == "as_pattern_target":
        pattern = parent.parent
        if pattern is not None and pattern.parent is not None and pattern.parent.type == "with_item":
            return pattern.named_children[0]
    return None


def _scopes(node: Node) -> Iterator[Node | None]:
    """The scopes whose names the node sees."""
    scope = scope_of(node)
    yield scope
    while scope is not None:
        scope = scope_of(scope)
        if scope is None or scope.type != "class_definition":
            yield scope


def definitions(syntax: Syntax, name: str) -> list[Node]:
    """The `def` and `class` of a qualified name (`Shop.total`, `make.<locals>.inner`), or of a bare one."""
    parts = [part for part in name.split(".") if part != "<locals>"]
    if not parts:
        return []
    found = []
    for node in occurrences(syntax, parts[-1]):
        parent = node.parent
        if (
            parent is not None
            and parent.type in ("function_definition", "class_definition")
            and field(parent, "name") == node
            and qualified(parent)[-len(parts) :] == parts
        ):
            found.append(parent)
    return found


def qualified(definition: Node) -> list[str]:
    names = [text(field(definition, "name"))]
    names += [
        text(field(above, "name"))
        for above in ancestors(definition)
        if above.type in ("function_definition", "class_definition")
    ]
    return names[::-1]


def parameters(function: Node) -> list[Node]:
    """The parameters of a `def` or lambda, without the marks between them."""
    listed = field(function, "parameters")
    if listed is None:
        return []
    marks = ("comment", "keyword_separator", "positional_separator")
    return [child for child in listed.named_children if child.type not in marks]


def parameter_name(parameter: Node) -> str:
    if parameter.type == "identifier":
        return text(parameter)
    name = field(parameter, "name")
    if name is not None:
        return text(name)
    inner = next(descendants(parameter, ("identifier",)), None)
    return text(inner)


def is_plain_parameter(parameter: Node) -> bool:
    """Whether it is neither `*args` nor `**options`."""
    if parameter.type in ("list_splat_pattern", "dictionary_splat_pattern"):
        return False
    return not any(child.type in ("list_splat_pattern", "dictionary_splat_pattern") for child in parameter.children)


def attributes_of_class(definition: Node) -> list[str]:
    """The names that a class gives its objects: methods, class variables, and what its methods set on `self`."""
    body = field(definition, "body")
    if body is None:
        return []
    found: dict[str, None] = {}
    for node in descendants(body, ("function_definition", "assignment")):
        if node.type == "function_definition":
            if class_of(node) == definition:
                found[text(field(node, "name"))] = None
            continue
        for target in _targets(node):
            if target.type == "identifier" and scope_of(target) == definition:
                found[text(target)] = None
            elif target.type == "attribute" and text(field(target, "object")) == "self":
                function = function_of(target)
                if function is not None and class_of(function) == definition:
                    found[text(field(target, "attribute"))] = None
    return list(found)


def _targets(assignment: Node) -> list[Node]:
    left = field(assignment, "left")
    if left is None:
        return []
    return list(left.named_children) if left.type in ("pattern_list", "tuple_pattern", "list_pattern") else [left]


def visible(syntax: Syntax, node: Node) -> set[str]:
    """The names that code at the node can use: of its function and those around, the module, and the builtins."""
    found = set(imports(syntax)) | BUILTINS
    for scope in _scopes(node):
        top = syntax.root if scope is None else scope
        if scope is not None:
            found.update(parameter_name(each) for each in parameters(scope))
        body = top if scope is None else field(top, "body")
        if body is not None:
            found.update(_bound(body))
    return found


def _bound(body: Node) -> Iterator[str]:
    """The names that the statements of one scope bind."""
    waiting = list(body.named_children)
    while waiting:
        node = waiting.pop()
        if node.type in ("function_definition", "class_definition"):
            yield text(field(node, "name"))
            continue
        if node.type == "lambda":
            continue
        if node.type == "assignment":
            yield from (text(each) for each in _targets(node) if each.type == "identifier")
        elif node.type in ("for_statement", "for_in_clause"):
            left = field(node, "left")
            if left is not None:
                yield from (text(each) for each in descendants(left, ("identifier",)))
        elif node.type == "named_expression":
            yield text(field(node, "name"))
        elif node.type == "as_pattern_target":
            yield from (text(each) for each in descendants(node, ("identifier",)))
        waiting.extend(node.named_children)


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The one candidate that the word is likely a slip of; None when no one is much like it, or several are."""
    others = sorted(set(candidates) - {word})
    folded = word.casefold().replace("_", "").replace("-", "")
    same = [other for other in others if other.casefold().replace("_", "").replace("-", "") == folded]
    if len(same) == 1:
        return same[0]
    if len(word) < 3:
        return None
    close = difflib.get_close_matches(word, others, n=2, cutoff=_ALIKE)
    if not close:
        return None
    if len(close) == 2 and _ratio(word, close[0]) == _ratio(word, close[1]):
        return None
    return close[0]


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(a=other, b=one).ratio()
