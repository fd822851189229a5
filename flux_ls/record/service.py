"""The service's name where nobody gave one: after the program that runs."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

_SAYS_LITTLE = frozenset(
    {"app", "application", "main", "manage", "wsgi", "asgi", "run", "server", "serve", "service", "web", "api", "index"}
    | {"start", "cli", "__main__", "src", "server_app", "tasks", "worker"}
)
_TAKES_AN_APP = {"uvicorn", "gunicorn", "hypercorn", "daphne", "granian", "waitress-serve"}
_OPTIONS_WITH_APP = {"flask": ("--app", "-A"), "celery": ("--app", "-A")}
_APP = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.()]*")
_WITH_VALUE = frozenset("WXQ")
"""Options of Python that take a value."""


def name_of(argv: Sequence[str], folder: Path) -> str:
    """The name for a program by the command line that Python was started with."""
    program, rest = _program(argv)
    target = ""
    if program in _OPTIONS_WITH_APP:
        target = _option(rest, _OPTIONS_WITH_APP[program])
    elif program in _TAKES_AN_APP:
        target = next((word for word in reversed(rest) if _APP.fullmatch(word)), "")
    elif program.endswith(".py") or "/" in program:
        return _of_script(Path(program), folder)
    elif program and program not in ("pytest", "-c", "-"):
        target = program
    module = target.partition(":")[0].removesuffix(".py").replace("/", ".").strip(".")
    names = [name for name in module.split(".") if name and name not in _SAYS_LITTLE]
    return names[0] if names else _of_folder(folder)


def current_name() -> str:
    """The name for this process."""
    try:
        return name_of(sys.orig_argv[1:], Path.cwd())
    except (OSError, ValueError, IndexError):
        return ""


def _program(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The script, module (with its dots) or console script, and its arguments."""
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "-m" and words:
            return words[0], words[1:]
        if word.startswith("-m") and not word.startswith("--"):
            return word[2:], words
        if word in ("-c", "-") or word.startswith("-c"):
            return "-c", words
        if word.startswith("-"):
            if word[-1] in _WITH_VALUE and not word.startswith("--") and words:
                words.pop(0)
            continue
        path = Path(word)
        # A console script stands in a folder of programs and has no suffix.
        return (path.name if path.suffix != ".py" and path.parent.name in ("bin", "Scripts") else word), words
    return "", []


def _option(words: Sequence[str], names: Sequence[str]) -> str:
    for at, word in enumerate(words):
        if word in names and at + 1 < len(words):
            return words[at + 1]
        for name in names:
            if word.startswith(name + "="):
                return word[len(name) + 1 :]
    return ""


def _of_script(script: Path, folder: Path) -> str:
    if script.stem not in _SAYS_LITTLE:
        return script.stem
    around = (folder / script).parent
    return _of_folder(around)


def _of_folder(folder: Path) -> str:
    folder = folder.absolute()
    for each in (folder, *folder.parents):
        if each.name and each.name not in _SAYS_LITTLE:
            return each.name
    return ""
