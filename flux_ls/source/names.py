"""The function names of stack traces, in the spelling of a file's functions."""

import re
from functools import lru_cache
from pathlib import PurePath

from flux_ls.model import Frame
from flux_ls.source.functions import LAMBDA, MODULE
from flux_ls.source.languages.grammars import dialect_of


def recorded_names(frame: Frame) -> tuple[str, ...]:
    """What the frame's function may be called in its file, likeliest first; empty when the frame does not tell.

    A traceback says `charge`, telemetry `shop.payments.Gateway.charge`, CPython's own qualified name
    `outer.<locals>.inner`. Frames of comprehensions and of type parameters belong to the function around. Other
    languages have their own ways, told by the file's suffix.
    """
    return _names(frame.function, frame.path)


@lru_cache(4096)
def _names(function: str, path: str) -> tuple[str, ...]:
    dialect = dialect_of(PurePath(path).suffix)
    return dialect.recorded(function) if dialect is not None else _python_names(function, path)


def _python_names(function: str, path: str) -> tuple[str, ...]:
    parts = [part for part in _parts(function.strip()) if not part.startswith("<") or part in (MODULE, LAMBDA)]
    if parts and parts[-1] == MODULE:
        return (MODULE,)
    full = ".".join(parts)
    local = ".".join(parts[_module_parts(parts, path) :])
    return tuple(dict.fromkeys(name for name in (full, local) if name))


def _parts(name: str) -> list[str]:
    """The dotted parts; `<generic parameters of f>` stays one."""
    return re.findall(r"<[^>]*>|[^.<]+", name)


def _module_parts(parts: list[str], path: str) -> int:
    """How many of the leading parts spell the module that the path is."""
    if parts[:1] == ["__main__"]:
        return 1
    module = re.split(r"[/\\]", path)
    module[-1] = module[-1].rsplit(".", 1)[0]
    if module[-1] == "__init__":
        module.pop()
    for length in range(len(parts) - 1, 0, -1):
        if module[-length:] == parts[:length]:
            return length
    return 0
