"""Which language a file is in, and its grammar, if that is installed: loaded with the first file that needs it."""

from functools import cache
from importlib import import_module
from pathlib import Path

from msgspec import Struct
from tree_sitter import Language, Parser, Query

from flux_ls.source.languages.dialect import Dialect
from flux_ls.source.languages.go import DIALECT as GO
from flux_ls.source.languages.java import DIALECT as JAVA
from flux_ls.source.languages.javascript import DIALECT as JAVASCRIPT
from flux_ls.source.languages.parts import Grammar
from flux_ls.source.languages.tree_index import TreeIndex

EXTRA = "pip install 'flux-ls[grammars]'"
MAX_LENGTH = 1024 * 1024
"""Characters; a longer text is a bundle, which nobody edits."""


class _Written(Struct, frozen=True):
    """A language as files are written in it."""

    name: str
    dialect: Dialect
    package: str
    function: str = "language"
    """The one of the package that gives the grammar."""


_JAVASCRIPT = _Written("JavaScript", JAVASCRIPT, "tree_sitter_javascript")
_TYPESCRIPT = _Written("TypeScript", JAVASCRIPT, "tree_sitter_typescript", "language_typescript")
_TSX = _Written("TypeScript", JAVASCRIPT, "tree_sitter_typescript", "language_tsx")
_BY_SUFFIX = {
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), _JAVASCRIPT),
    **dict.fromkeys((".ts", ".mts", ".cts"), _TYPESCRIPT),
    ".tsx": _TSX,
    ".go": _Written("Go", GO, "tree_sitter_go"),
    ".java": _Written("Java", JAVA, "tree_sitter_java"),
}


def read(path: Path, content: str, *, followed: bool) -> TreeIndex | None:
    """The functions of a text; None for another language, and where its grammar is not installed."""
    found = grammar_of(path, len(content))
    return None if found is None else TreeIndex.parse(found, content, followed=followed)


def grammar_of(path: Path, length: int) -> Grammar | None:
    """The grammar that a text of that length is read by."""
    written = _BY_SUFFIX.get(path.suffix.lower())
    if written is None or length > MAX_LENGTH:
        return None
    return grammar(written.dialect, written.package, written.function)


def dialect_of(suffix: str) -> Dialect | None:
    """How the stack traces of a language spell names; no grammar is needed to know."""
    written = _BY_SUFFIX.get(suffix.lower())
    return None if written is None else written.dialect


def not_read(path: str | None) -> tuple[str, str] | None:
    """Why the functions of a file are not known though they could be, and what to do; None where that is not so."""
    file = Path(path or "")
    written = _BY_SUFFIX.get(file.suffix.lower())
    if written is None or grammar_of(file, 0) is not None:
        return None
    return f"those of {written.name} files are not read: its grammar is not installed", EXTRA


@cache
def grammar(dialect: Dialect, package: str, function: str) -> Grammar | None:
    """The grammar that a package has; None where it is not to be had."""
    language = load(package, function)
    if language is None:
        return None
    known = [type for type in sorted(dialect.scopes) if language.id_for_node_kind(type, True) is not None]
    comments = [type for type in sorted(dialect.comments) if language.id_for_node_kind(type, True) is not None]
    decorators = [type for type in sorted(dialect.decorators) if language.id_for_node_kind(type, True) is not None]
    told = ((known, "scope"), (comments, "comment"), (decorators, "decorator"))
    query = " ".join(f"({type}) @{name}" for types, name in told for type in types)
    return Grammar(dialect, Parser(language), Query(language, query))


def load(package: str, function: str) -> Language | None:
    """A grammar's package; None where it is not installed, or was made for another tree-sitter."""
    try:
        return Language(getattr(import_module(package), function)())
    except (ImportError, AttributeError, ValueError):
        return None
