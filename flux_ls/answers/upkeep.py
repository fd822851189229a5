"""The JSON shapes of what keeps Flux itself going: its settings, its collector, retention."""

from typing import Any

from msgspec import Struct


class SettingShape(Struct, frozen=True):
    name: str
    value: Any
    origin: str


class ProjectSettings(Struct, frozen=True):
    """A project below the folder that is asked about."""

    folder: str
    file: str
    """Its pyproject.toml, both relative to the root of the checkout."""
    settings: tuple[str, ...]
    """The names of those that are in it."""


class Config(Struct, frozen=True):
    settings: tuple[SettingShape, ...]
    warnings: tuple[str, ...]
    projects: tuple[ProjectSettings, ...] = ()


class PruneShape(Struct, frozen=True):
    requests: int
    spans: int
    bytes_freed: int
    bisect_logs: int = 0
    """Of searches for a commit: nobody goes on with them any more."""


class CollectorShape(Struct, frozen=True):
    pid: int
    http_port: int
    grpc_port: int
    """0 when gRPC is off."""
    store: str
    version: str


class Stopped(Struct, frozen=True):
    stopped: bool
