"""How long the exit waits for what was recorded to be sent: as long as that gets on, and no longer."""

import threading
from typing import Final

SILENT_S: Final = 1.0
"""How long for a receiver that says nothing."""
MOST_S: Final = 5.0
"""How long in all, for on a busy machine it takes its time to pack and to send."""
_LOOK_S: Final = 0.05


class Patience:
    """Of one process, however often its exit asks for what is left to be sent."""

    def __init__(self) -> None:
        self.steps = 0
        """How often the sender got on."""
        self._steps_seen = 0
        self._silent_s = 0.0
        self._waited_s = 0.0

    @property
    def left_s(self) -> float:
        """How much longer, if it does not get on."""
        return min(SILENT_S - self._silent_s, MOST_S - self._waited_s)

    def wait(self, flushed: threading.Event) -> None:
        """Looks again and again, and counts the looks: of a time in which the whole process stood still, one passes."""
        while self.left_s > 0 and not flushed.wait(_LOOK_S):
            self.spend(_LOOK_S)

    def spend(self, seconds: float) -> None:
        if self.steps != self._steps_seen:
            self._steps_seen, self._silent_s = self.steps, 0.0
        self._silent_s += seconds
        self._waited_s += seconds
