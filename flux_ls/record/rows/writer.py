"""Which line of the user's code writes: the innermost frame of theirs on the stack."""

import sys
from types import FrameType
from typing import Any

from flux_ls.record import settings
from flux_ls.record.in_app import is_in_app

_MANY = 10_000
_verdicts: dict[str, bool] = {}
_decided_by: settings.RecorderSettings | None = None


def written_by() -> dict[str, object]:
    """`code.*` of the innermost in-app frame that led here; empty when there is none."""
    global _decided_by
    rules = settings.in_force()
    if rules is not _decided_by:
        _verdicts.clear()
        _decided_by = rules
    frame: FrameType | None = sys._getframe(1)
    greenlet: Any = None
    verdicts = _verdicts
    while True:
        while frame is not None:
            path = frame.f_code.co_filename
            ours = verdicts.get(path)
            if ours is None:
                if len(verdicts) > _MANY:
                    verdicts.clear()
                ours = verdicts[path] = is_in_app(path)
            if ours:
                return {
                    "code.file.path": path,
                    "code.line.number": frame.f_lineno,
                    "code.function.name": frame.f_code.co_qualname,
                }
            frame = frame.f_back
        # SQLAlchemy runs what is awaited in a greenlet, whose stack ends where its parent waits for it.
        if greenlet is None:
            module = sys.modules.get("greenlet")
            if module is None:
                return {}
            greenlet = module.getcurrent()
        greenlet = greenlet.parent
        if greenlet is None:
            return {}
        frame = greenlet.gr_frame
