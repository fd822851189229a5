"""OpenTelemetry as Flux sets it up where nobody else does, and as its distro: `OTEL_PYTHON_DISTRO=flux`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.instrumentation.distro import BaseDistro, DefaultDistro  # type: ignore[attr-defined]
from opentelemetry.sdk.trace import TracerProvider

from flux_ls.record import settings
from flux_ls.record.guard import tell
from flux_ls.record.providers import Ids

NAME: Final = "flux"
_GROUP: Final = "opentelemetry_distro"
_EXPORTERS: Final = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_asked_for() -> bool:
    return os.environ.get(settings.RECORD) == "1" or os.environ.get("OTEL_PYTHON_DISTRO") == NAME


class FluxDistro(BaseDistro):  # type: ignore[misc]
    """Starts the recorder where it is asked for; elsewhere it stands for the distro that would be there without it."""

    def __init__(self) -> None:
        self._instead = None if is_asked_for() else _another()

    def _configure(self, **kwargs: Any) -> None:
        if self._instead is not None:
            self._instead.configure(**kwargs)
            return
        from flux_ls.record.starting import start

        for name, value in wanted_exporters(settings.load().endpoint).items():
            os.environ.setdefault(name, value)
        # Whoever loaded this distro makes the provider and loads the instrumentations.
        start(instrument=False)

    def load_instrumentor(self, entry_point: Any, **kwargs: Any) -> None:
        if self._instead is not None:
            self._instead.load_instrumentor(entry_point, **kwargs)
        else:
            super().load_instrumentor(entry_point, **kwargs)


def _another() -> BaseDistro:
    for entry_point in entry_points(group=_GROUP):
        if entry_point.name != NAME:
            distro: BaseDistro = entry_point.load()()
            return distro
    return DefaultDistro()


def wanted_exporters(flux: str) -> dict[str, str]:
    """What has to be set so that the user's own export goes on; what would only come to Flux a second time is left out.

    With an endpoint configured, OpenTelemetry's distro exports everything to it.
    """
    configured = {name: os.environ[name] for name in _EXPORTERS if os.environ.get(name, "").strip()}
    endpoints = [os.environ[name] for name in _ENDPOINTS if os.environ.get(name, "").strip()]
    if endpoints and not any(_is_here(endpoint, flux) for endpoint in endpoints):
        signals = _EXPORTERS if os.environ.get(_ENDPOINTS[0], "").strip() else _EXPORTERS[:1]
        configured = {**dict.fromkeys(signals, "otlp"), **configured}
        configured.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "grpc")
    return configured


def _is_here(endpoint: str, flux: str) -> bool:
    """Whether the address is that of Flux's collector, over HTTP or gRPC."""
    theirs, ours = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}"), urlsplit(flux)
    local = {"localhost", "127.0.0.1", "::1"}
    same_host = theirs.hostname == ours.hostname or {theirs.hostname, ours.hostname} <= local
    ports = {ours.port, _grpc_port()}
    return same_host and theirs.port in ports


def _grpc_port() -> int:
    try:
        return int(os.environ.get("FLUX_OTLP_GRPC_PORT", "4317"))
    except ValueError:
        return 4317


def make_provider(flux: str, *, with_exporters: bool) -> TracerProvider:
    """A provider for a process that has none: with the exporters that the user has configured, if any."""
    exporters = wanted_exporters(flux) if with_exporters else {}
    if any(exporters.get(name, "none").strip().lower() != "none" for name in _EXPORTERS):
        try:
            with _environment(exporters):
                made = _configured()
            if made is not None:
                return made
        except Exception as error:
            tell("setting up the configured exporters", error)
    try:
        from flux_ls.record.quick_spans import Provider
    except ImportError as error:  # a later SDK than we know
        tell("making spans with less work", error)
        return TracerProvider(id_generator=Ids())
    return Provider()


def _configured() -> TracerProvider | None:
    """What OpenTelemetry makes of its environment variables, without making it the global provider."""
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator

    made: list[Any] = []

    def instead(provider: Any, log: bool) -> None:
        del log
        made.append(provider)

    before = trace._set_tracer_provider
    trace._set_tracer_provider = instead  # type: ignore[assignment]
    try:
        _OTelSDKConfigurator().configure()  # type: ignore[no-untyped-call]
    finally:
        trace._set_tracer_provider = before
    return made[0] if made and isinstance(made[0], TracerProvider) else None


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
