"""Removes what a program left, also where it forbade that."""

import contextlib
import os
import shutil
import stat
from pathlib import Path


def remove(path: Path) -> None:
    """Removes a file or folder, also from under folders that nobody may write to."""

    def again(_function: object, name: str, _: object) -> None:
        for each in (os.path.dirname(name), name):  # noqa: PTH120
            with contextlib.suppress(OSError):
                mode = os.lstat(each).st_mode
                if not stat.S_ISLNK(mode) and str(each).startswith(str(path)):
                    os.chmod(each, stat.S_IRWXU)  # noqa: PTH101
        with contextlib.suppress(OSError):
            shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.unlink(name)  # noqa: PTH108, PTH112, PTH114

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=again)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
