"""What one traced run executed, in the names and lines of its revision: all that a bisect keeps of the trace."""

import hashlib
import re
from collections.abc import Mapping

from msgspec import Struct

from flux_ls.bisect.traces import Place, Traced
from flux_ls.record.redaction import redact_text
from flux_ls.source.places import Text

_MOST_OF_A_STATEMENT = 30
_SHORTEST_WORD = 3
_ORDINARY = frozenset(
    ("else:", "try:", "finally:", "return", "pass", "break", "continue", "raise", "return None", "return self",
     "return False", "return True")
)  # fmt: skip
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_NAMED = re.compile(r"'([A-Za-z_][\w.]*)'|\b([A-Za-z_][\w.]*)\(\)")

Function = tuple[str, str]
"""Its file in the checkout, and its qualified name."""


class Executed(Struct, frozen=True):
    """Of all processes of a run together."""

    calls: Mapping[Function, int]
    raised: frozenset[Function]
    """Through which an exception went."""
    fatal: frozenset[Function]
    """On the stack of an exception that ended the program, or of one that led to it."""
    imported: frozenset[str]
    lines: frozenset[bytes]
    """The digests of the lines of functions that ran: no source has to be kept to know one again."""
    tops: frozenset[bytes]
    """That which ran when modules were imported."""
    words: frozenset[str]
    """Those of what it printed, or died of."""
    names: frozenset[str]
    """What its last line names: `module 'shop' has no attribute 'price'`."""
    elsewhere: Mapping[str, str]
    """Modules that the revision has, and that were imported from somewhere else: name and file."""
    anything: bool
    """Whether any code of the revision ran."""


def executed(traced: Traced, texts: Mapping[str, Text], told: str) -> Executed:
    """`texts` are those of the files that ran, as they were; `told` is what the run printed, or died of."""
    lines, tops = _lines(traced, texts)
    said = redact_text(told)
    return Executed(
        calls=_named(traced.calls, texts),
        raised=frozenset(_named(dict.fromkeys(traced.raised, 1), texts)),
        fatal=frozenset(_named(dict.fromkeys(traced.fatal, 1), texts)),
        imported=traced.imported,
        lines=lines,
        tops=tops,
        words=words_of(said),
        names=names_of(said),
        elsewhere=traced.elsewhere,
        anything=bool(traced.calls),
    )


def _lines(traced: Traced, texts: Mapping[str, Text]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Those of functions, and those that ran when modules were imported."""
    functions, tops = set[str](), set[str]()
    for code in traced.codes:
        text = texts.get(code.path)
        if text is None:
            continue
        starts = sorted({**dict.fromkeys(code.still, False), **dict.fromkeys(code.lines, True)}.items())
        for (line, ran), (after, _) in zip(starts, [*starts[1:], (0, False)], strict=True):
            if ran:
                # A statement that goes over several lines is told by its first one.
                last = min(after or line + 1, line + _MOST_OF_A_STATEMENT)
                (functions if code.function else tops).update(map(code_of, text.lines[line - 1 : last - 1]))
    return frozenset(map(digest, functions - {""})), frozenset(map(digest, tops - {""}))


def digest(code: str) -> bytes:
    return hashlib.blake2b(code.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def code_of(line: str) -> str:
    """A line without the white space around it and without its comment; nothing, where it is like many others."""
    code = line.strip()
    at = code.find(" #")
    if at >= 0 and '"' not in code and "'" not in code:
        code = code[:at].rstrip()
    return "" if code.startswith("#") or code in _ORDINARY or not _LETTER.search(code) else code


def words_of(text: str) -> frozenset[str]:
    """Its words, the same ones in any spelling: `json_extract`, `JSON_EXTRACT` and `JsonExtract` are one."""
    found = {word.replace("_", "").lower() for word in _WORD.findall(text)}
    return frozenset(word for word in found if len(word) >= _SHORTEST_WORD)


def names_of(told: str) -> frozenset[str]:
    """What is quoted or called in its last line."""
    lines = told.strip().splitlines()
    found = (name for each in _NAMED.findall(lines[-1]) for name in each) if lines else ()
    return frozenset(name.rpartition(".")[2] for name in found if name)


def _named(counts: Mapping[Place, int], texts: Mapping[str, Text]) -> dict[Function, int]:
    """The functions by their qualified names; what runs when a module is imported is none."""
    named: dict[Function, int] = {}
    first_lines = {
        path: {each.first_line: each for each in text.functions.functions if each.kind == "def"}
        for path, text in texts.items()
        if text.functions is not None
    }
    for place, count in counts.items():
        text = texts.get(place.path)
        if text is None or text.functions is None:
            continue
        scope = first_lines[place.path].get(place.line)
        if scope is None or place.name.startswith("<"):
            # Comprehensions and lambdas are part of the function around them.
            scope = text.functions.enclosing(place.line)
        if scope is not None and scope.kind == "def" and place.name != "<module>":
            named[place.path, scope.name] = named.get((place.path, scope.name), 0) + count
    return named
