"""Spans that the recorder makes itself, and the ids and times that go into them."""

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Literal

Kind = Literal["internal", "server", "client", "producer", "consumer"]

_ids = random.Random()  # not the application's: seeding that must neither repeat our ids nor be disturbed by us

if hasattr(os, "register_at_fork"):
    # A child's ids are others than its parent's, also where the recorder starts in the children only.
    os.register_at_fork(after_in_child=_ids.seed)

now_ns: Callable[[], int] = time.time_ns


def new_span_id() -> int:
    return _ids.getrandbits(64) or 1


def new_trace_id() -> int:
    return _ids.getrandbits(128) or 1


class MadeEvent:
    """An event of a span that the recorder makes."""

    __slots__ = ("at_ns", "attributes", "name")

    def __init__(self, name: str, at_ns: int, attributes: Mapping[str, object]) -> None:
        self.name = name
        self.at_ns = at_ns
        self.attributes = attributes


class MadeSpan:
    """A span that the recorder makes itself, cheaply.

    Attributes are scalars, or values captured as trees, which become JSON text when it is exported.
    """

    __slots__ = (
        "attributes",
        "common",
        "end_ns",
        "error",
        "events",
        "kind",
        "name",
        "parent_id",
        "scope",
        "span_id",
        "start_ns",
    )

    def __init__(
        self,
        name: str,
        span_id: int,
        parent_id: int,
        start_ns: int,
        end_ns: int,
        *,
        scope: str,
        kind: Kind = "internal",
        attributes: dict[str, object] | None = None,
        events: list[MadeEvent] | None = None,
        error: str | None = None,
    ) -> None:
        self.name = name
        self.span_id = span_id
        self.parent_id = parent_id
        """0 for none."""
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.scope = scope
        self.kind: Kind = kind
        self.attributes: dict[str, object] = {} if attributes is None else attributes
        self.common: dict[str, object] | None = None
        """Attributes that all spans of the same function have; never changed, so that they are encoded only once."""
        self.events: list[MadeEvent] = [] if events is None else events
        self.error = error
        """What went wrong, in one line; None when nothing did."""
