"""The imports of a generated test, as import sorters want them."""

from collections.abc import Iterable, Iterator

from flux_ls.replay.literals import WIDTH

_STANDARD = frozenset(
    {
        "asyncio",
        "email",
        "importlib",
        "inspect",
        "io",
        "json",
        "os",
        "pathlib",
        "re",
        "socket",
        "sqlite3",
        "sys",
        "urllib",
    }
)


def sorted_imports(imports: Iterable[str]) -> Iterator[str]:
    """The standard library, then the rest; modules before names out of modules."""

    def key(line: str) -> tuple[bool, str]:
        return line.startswith("from"), line.split()[1].lower()

    merged = _merged(imports)
    standard = sorted((each for each in merged if each.split()[1].partition(".")[0] in _STANDARD), key=key)
    others = sorted((each for each in merged if each not in standard), key=key)
    yield from standard
    yield ""
    yield from others


def _merged(imports: Iterable[str]) -> list[str]:
    """One line for each module that names are imported from."""
    names: dict[str, set[str]] = {}
    plain: list[str] = []
    for each in set(imports):
        if each.startswith("from "):
            _, module, _, wanted = each.split(" ", 3)
            names.setdefault(module, set()).update(wanted.split(", "))
        else:
            plain.append(each)
    return plain + [_from(module, sorted(wanted)) for module, wanted in names.items()]


def _from(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
