"""Which folder of a checkout runs: there may be several projects in one."""

from pathlib import Path

from flux_ls.replay.child.finding import is_project


def project_around(top: Path, here: Path) -> Path:
    """The innermost project that holds the folder `here`, below `top`; else `top`."""
    for folder in (here, *here.parents):
        if folder == top or not folder.is_relative_to(top):
            break
        if is_project(folder):
            return folder
    return top
