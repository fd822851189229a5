"""The first file that the project's interpreter runs for a replay: makes this Flux importable, and nothing beside it.

Any Python may come by here, however old, so this has to be understood by all of them.
"""
# ruff: noqa: UP031, UP036

import os
import sys


def _find_flux():
    # type: () -> None
    """Makes this very Flux importable, whichever is installed there, and nothing else of its environment."""
    from importlib.machinery import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))
    around = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    # A script's folder is on the path; its files would hide modules of the application.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]

    class OnlyFlux:
        @staticmethod
        def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]  # noqa: ARG004
            return PathFinder.find_spec(name, [around]) if name == "flux_ls" else None

    sys.meta_path.insert(0, OnlyFlux)


if sys.version_info < (3, 11):
    sys.stdout.write('{"kind": "old", "version": "%d.%d"}\n' % sys.version_info[:2])
    sys.exit(0)
_find_flux()
from flux_ls.replay.child.job import main  # noqa: E402

main()
