"""Opening a file at a line in the user's editor: an argument list, never a shell."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePath

_GOTO = ("code", "code-insiders", "codium", "vscodium", "cursor", "windsurf", "positron")
_COLON = ("hx", "helix", "subl", "sublime_text", "zed", "zeditor", "lapce", "mate", "micro")
_PLUS = (
    *("vi", "vim", "nvim", "view", "gvim", "mvim", "vimr", "nano", "pico", "emacs", "emacsclient", "ed", "ex"),
    *("kak", "joe", "jed", "mg", "ne", "gedit", "kate", "mcedit", "vis"),
)


class CannotOpen(Exception):
    """Why no editor shows the place."""


def editor_of(environ: Mapping[str, str]) -> str | None:
    return environ.get("VISUAL") or environ.get("EDITOR") or None


def open_command(editor: str, file: Path, line: int) -> list[str]:
    """The editor's arguments; one that is not known gets the file alone."""
    words = shlex.split(editor, posix=os.name != "nt")
    if not words:
        raise CannotOpen("$VISUAL or $EDITOR names no program")
    # An absolute path begins with no dash, so that no file is taken for an option.
    name, target = PurePath(words[0]).stem.lower(), str(file.absolute())
    if name in _GOTO:
        return [*words, "--goto", f"{target}:{line}"]
    if name in _COLON:
        return [*words, f"{target}:{line}"]
    if name in _PLUS:
        return [*words, f"+{line}", target]
    return [*words, target]


def open_at(file: Path, line: int, environ: Mapping[str, str] = os.environ) -> None:
    """Waits for the editor to end. Raises CannotOpen."""
    editor = editor_of(environ)
    if editor is None:
        raise CannotOpen("set $VISUAL or $EDITOR to the editor that is to open it")
    if not file.is_file():
        raise CannotOpen(f"{file} is not there any more")
    try:
        subprocess.run(open_command(editor, file, line), check=False)
    except ValueError as error:
        raise CannotOpen(f"$VISUAL or $EDITOR cannot be read ({error})") from error
    except OSError as error:
        raise CannotOpen(f"{editor} could not be started ({error.strerror})") from error
