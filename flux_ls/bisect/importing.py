"""Whether a program died before the code under test ran: it, or something that it needs, could not be imported."""

import os
import re
from pathlib import Path

from flux_ls.record.redaction import redact_text

_BLOCK = "Traceback (most recent call last):"
_FRAME = re.compile(r'^ *(?:\| )*  File "([^"]+)", line \d+(?:, in (.+))?$')
_ERROR = re.compile(r"^ *(?:\| )*((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: (.*))?$")
_IMPORT = frozenset({"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "TabError"})
_TOLD_BY_PYTEST = re.compile(
    r"^E +((?:[a-z_]\w*\.)*(?:ImportError|ModuleNotFoundError|SyntaxError|IndentationError|TabError)): (.*)$", re.M
)
_NOT_COLLECTED = re.compile(
    r"^(?:_+ )?ERROR collecting |^ImportError while loading conftest|Interrupted: \d+ errors? during", re.M
)
_MISSING = re.compile(r"No module named '([^'.]+)")


def unimportable(output: str, folder: Path) -> str | None:
    """What could not be imported, in words; None for a program that came as far as the code of `folder`."""
    if _NOT_COLLECTED.search(output) and (told := _TOLD_BY_PYTEST.search(output)):
        return _named(told[1], told[2], folder)
    at = output.rfind(_BLOCK)
    if at < 0:
        return _without_block(output, folder)
    frames: list[tuple[str, str]] = []
    error: re.Match[str] | None = None
    for line in output[at:].splitlines()[1:]:
        if frame := _FRAME.match(line):
            frames.append((frame[1], frame[2] or ""))
        elif frames and (error := _ERROR.match(line)):
            break
    if error is None:
        return None
    kind, message = error[1].rpartition(".")[2], error[2] or ""
    own = [name for path, name in frames if Path(path).is_relative_to(folder)]
    if any(name not in ("<module>", "") for name in own):
        return None
    if kind in _IMPORT and (kind != "SyntaxError" or not own or own[-1] == ""):
        return _named(kind, message, folder)
    # A module of the folder that somebody imports and that dies of it, unlike a program that finds something wrong.
    imported = len(own) > 1 or (bool(own) and not Path(frames[0][0]).is_relative_to(folder))
    return _named(kind, message, folder) if imported and kind != "AssertionError" and kind != "SystemExit" else None


def _without_block(output: str, folder: Path) -> str | None:
    """A program with a syntax error of its own, or `python -m` of what is not there: no traceback is told."""
    lines = output.rstrip().splitlines()
    if lines and (error := _ERROR.match(lines[-1])) and error[1] in _IMPORT and any(map(_FRAME.match, lines)):
        return _named(error[1], error[2] or "", folder)
    found = re.search(r"^\S*python[\d.]*(?:\.exe)?: (No module named \S+)", output, re.M)
    return f"it could not be imported: {found[1]}" if found else None


def _named(kind: str, message: str, folder: Path) -> str:
    """The same words for the same failure, whichever folder it was met in."""
    # It goes into the log, and to whoever asked.
    message = redact_text(message.replace(f"{folder}{os.sep}", ""))
    missing = _MISSING.match(message)
    if missing and not any(
        (folder / part / name).exists() for part in ("", "src", "lib") for name in (missing[1], f"{missing[1]}.py")
    ):
        return f"a dependency is missing: {missing[1]}"
    return f"it could not be imported: {kind}{': ' if message else ''}{message}"[:300]
