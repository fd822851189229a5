"""Threads of the replay's own: one says where the application is when its time is over, one ends with who asked."""

import os
import sys
import threading
from collections.abc import Callable

from flux_ls.replay.child import blocked, channel


class Watch:
    """Of this process, until it is stopped: before a fork there must be no thread."""

    def __init__(self, timeout_s: float, leave: Callable[[], None], *, stops: bool) -> None:
        self._timer = threading.Timer(timeout_s, _too_late)
        self._timer.daemon = True
        self._timer.name = "flux-replay-clock"
        self._pipe = os.pipe() if stops else None
        self._leave = leave
        self._thread = threading.Thread(target=self._end_with_the_parent, daemon=True, name="flux-replay-parent")
        self._timer.start()
        self._thread.start()

    def stop(self) -> None:
        """Of one that was made to be stopped."""
        assert self._pipe is not None
        self._timer.cancel()
        os.write(self._pipe[1], b".")
        self._timer.join()
        self._thread.join()
        for end in self._pipe:
            os.close(end)

    def _end_with_the_parent(self) -> None:
        if channel.await_the_end(self._pipe[0] if self._pipe else None):
            self._leave()


def _too_late() -> None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and not blocked.is_the_users(frame.f_code.co_filename):
        frame = frame.f_back
    at = None
    if frame is not None:
        code = frame.f_code
        at = {"path": blocked.shown(code.co_filename), "line": frame.f_lineno, "function": code.co_qualname}
    channel.tell("hung", at=at)
