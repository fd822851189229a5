"""Runs first in every Python that `flux run` starts, and in its children: sets the recorder to work.

It stands before a sitecustomize of the user's on the path, and runs that one as if it were not there. Any Python may
come by here, however old, so this has to be understood by all of them.
"""
# ruff: noqa: PTH100, PTH120, SIM105

import os
import sys


def _leave_path() -> None:
    # For imports only: PYTHONPATH stays, or children would not be recorded.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]


def _run_the_users() -> bool:
    """Whether there is one."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        return False
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)
    return True


def _is_worth_recording() -> bool:
    words = getattr(sys, "orig_argv", None) or []
    told = " ".join(words[1:4])
    for part in ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "-m pip", "-m venv", "-m ensurepip"):
        if part in told:
            return False
    return os.environ.get("FLUX_RECORD") == "1" and sys.version_info >= (3, 11)


def _record() -> None:
    try:
        import flux_ls  # noqa: F401
    except ImportError:
        _find_flux_beside()
    try:
        from flux_ls.record.bootstrap.begin import begin
    except ImportError as error:
        _say_once(f"{sys.executable} is not recorded: {error}")
        return
    begin()


def _find_flux_beside() -> None:
    """Makes this very Flux importable, and nothing else of the environment that it is installed in."""
    from importlib.machinery import PathFinder

    around = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

    class OnlyFlux:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:  # noqa: ARG004
            return PathFinder.find_spec(name, [around]) if name == "flux_ls" else None

    sys.meta_path.append(OnlyFlux)  # type: ignore[arg-type]


def _say_once(message: str) -> None:
    # `flux run` has looked at the program's own interpreter; this is for one that it could not foresee.
    if not os.environ.get("FLUX_SAID"):
        os.environ["FLUX_SAID"] = "1"
        try:
            sys.stderr.write(f"flux: {message}\n")
        except Exception:
            pass


_leave_path()
_there_is_one = True
try:
    _there_is_one = _run_the_users()
finally:
    try:
        if _is_worth_recording():
            _record()
    except Exception:
        if os.environ.get("FLUX_DEBUG"):
            raise
if not _there_is_one:
    # As it is without this one; Python expects it.
    raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
