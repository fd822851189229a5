"""What a machine may lack: a test that needs it skips with the reason, and fails where everything has to be there."""

import os
import shutil

import pytest


def needs(program: str, mend: str) -> pytest.MarkDecorator:
    """A mark for tests that start a program of the machine; `mend` installs it."""
    there = shutil.which(program) is not None
    if not there and os.environ.get("CI"):
        raise RuntimeError(f"{program} is not installed: {mend}")
    return pytest.mark.skipif(not there, reason=f"{program} is not installed: {mend}")
