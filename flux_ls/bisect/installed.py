"""What an interpreter takes out of the checkout itself: projects in it that were installed to be edited there."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

_ASKED_S = 30.0

# Runs under the project's interpreter, which site has just given its path. A project whose modules are not alone in a
# folder has no place on that: its installer leaves a module that knows where each of them is.
_QUESTION = r"""
import json, os, sys
found = [entry for entry in sys.path if entry]
for name, module in list(sys.modules.items()):
    known = getattr(module, "MAPPING", None) if name.startswith("__editable__") else None
    if isinstance(known, dict):
        found += [os.path.dirname(path) for path in known.values() if isinstance(path, str)]
own = [os.path.realpath(each) for each in (sys.prefix, sys.base_prefix)]
def is_own(path):
    return any(path == each or path.startswith(each + os.sep) for each in own)
real = [os.path.realpath(entry) for entry in found]
sys.stdout.write("\n" + json.dumps([entry for entry in real if not is_own(entry)]))
"""


def installed_from(checkout: Path, python: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The folders of the checkout that the interpreter imports from, as they are called in each revision; none where it
    cannot be asked."""
    given = {name: value for name, value in environ.items() if name != "PYTHONPATH"}
    real = checkout.resolve()
    try:
        done = subprocess.run(
            [python, "-c", _QUESTION],
            cwd=real.anchor,
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASKED_S,
            check=False,
        )
        told = msgspec.json.decode(done.stdout.splitlines()[-1], type=list[str])
    except (OSError, subprocess.TimeoutExpired, IndexError, msgspec.MsgspecError):
        return ()
    inside = (Path(entry) for entry in told)
    return tuple(dict.fromkeys(str(entry.relative_to(real)) for entry in inside if entry.is_relative_to(real)))
