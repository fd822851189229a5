"""Flux's recorder in the process of a replay, where the application's environment has what it needs.

What it records goes down the channel instead of to a collector.
"""

import base64
import importlib

from flux_ls.replay.child import channel

_NEEDED = ("msgspec", "wrapt", "opentelemetry.instrumentation.instrumentor", "opentelemetry.sdk.trace")


class _DownTheChannel:
    """Takes the place of the sender that posts to a collector."""

    def __init__(self, _endpoint: str) -> None: ...

    def send(self, body: bytes) -> None:
        channel.tell("trace", body=base64.b64encode(body).decode("ascii"))

    def hurry(self, _timeout_s: float) -> None: ...

    def forget(self) -> None: ...


def start() -> str | None:
    """Why nothing is recorded, if so."""
    try:
        for name in _NEEDED:
            importlib.import_module(name)
        from flux_ls.record import starting
        from flux_ls.record.export import packing
    except ImportError as error:
        return str(error)
    packing.HttpSender = _DownTheChannel  # type: ignore[attr-defined, assignment]
    starting.start(record_rate=1.0)
    return None if starting.is_on() else "the recorder did not start"


def stop() -> None:
    """What was recorded is told before this returns."""
    from flux_ls.record import starting

    starting.stop()
