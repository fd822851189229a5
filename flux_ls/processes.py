"""Whether another process still runs: an editor, a collector, a replay that may have been killed."""

import os


def alive(pid: int) -> bool:
    """Where that cannot be told, yes."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
