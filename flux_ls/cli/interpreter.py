"""Which Python a command line is going to run, as far as that can be told without running it."""

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

_PYTHON = re.compile(r"(python|pypy)[\d.]*(w|t|d)?(\.exe)?")
_WITH_VALUE = "WXQ"
_UNHEARING = {"S": "leaves out site", "I": "isolates it", "E": "makes it ignore the environment"}
_IN_SH = re.compile(rb"'''exec' (\"[^\"]+\"|\S+)")
"""How installers start a Python whose path is too long, or has spaces, for the first line of a script."""
_PASSED_ON = frozenset({"env", "nohup", "nice", "time", "exec", "opentelemetry-instrument", "ddtrace-run", "stdbuf"})


class Deaf(Exception):
    """The interpreter is told not to listen to what would make it record."""


class Interpreter(Struct, frozen=True):
    """The Python that a command runs."""

    path: str
    known: bool
    """False when it is only the one that the settings name: the command does not tell."""


def interpreter_of(command: Sequence[str], default: str, environ: Mapping[str, str]) -> Interpreter | None:
    """The interpreter of a command; None when not even the default one is there. Raises `Deaf`."""
    words = list(command)
    while words and Path(words[0]).name in _PASSED_ON:
        words = _after_wrapper(words[1:])
    found = shutil.which(words[0], path=environ.get("PATH")) if words else None
    if found is not None and _PYTHON.fullmatch(Path(found).name):
        _check_flags(words[1:])
        return Interpreter(found, known=True)
    if found is not None and (script := _of_script(Path(found), environ)) is not None:
        return script
    fallback = shutil.which(default, path=environ.get("PATH"))
    return Interpreter(fallback, known=False) if fallback is not None else None


def _after_wrapper(words: list[str]) -> list[str]:
    while words and (words[0].startswith("-") or "=" in words[0]):
        words = words[1:]
    return words


def _check_flags(words: Sequence[str]) -> None:
    words = list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word.startswith("--") or word == "-":
            return
        for at, letter in enumerate(word[1:], 1):
            if letter in _UNHEARING:
                raise Deaf(f"cannot record with Python's option -{letter}, which {_UNHEARING[letter]}: leave it out")
            if letter in "cm":
                return
            if letter in _WITH_VALUE:
                if at == len(word) - 1 and words:
                    words.pop(0)
                break


def _of_script(script: Path, environ: Mapping[str, str]) -> Interpreter | None:
    """By the first line of a script."""
    try:
        with script.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return None
    if head[:2] != b"#!":
        return None
    words = shlex.split(os.fsdecode(head[2:].partition(b"\n")[0]), posix=True)
    if words and Path(words[0]).name == "env":
        words = _after_wrapper(words[1:])
        found = shutil.which(words[0], path=environ.get("PATH")) if words else None
        words = [found, *words[1:]] if found is not None else []
    elif words and Path(words[0]).name == "sh" and (through := _IN_SH.search(head)) is not None:
        words = [os.fsdecode(through[1].strip(b'"'))]
    if not words or not _PYTHON.fullmatch(Path(words[0]).name):
        return None
    _check_flags(words[1:])
    return Interpreter(words[0], known=True)
