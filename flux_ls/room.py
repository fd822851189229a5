"""What to say where a temporary file cannot be written: which folder it is, why, and what to do."""

import errno
import tempfile
from pathlib import Path

FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""A disk, a quota or a limit that is full."""


def no_room(error: OSError, folder: Path | None = None) -> str:
    """`folder` is where it was to be written, if it was not where temporary files are by themselves."""
    where = folder if folder is not None else Path(tempfile.gettempdir())
    return (
        f"nothing can be written in {where} ({error.strerror or error}): make room there, or let TMPDIR name another "
        "folder"
    )
