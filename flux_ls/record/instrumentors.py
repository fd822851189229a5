"""The parts of the recorder that look at other libraries, as OpenTelemetry instrumentors.

They do nothing in a process where nobody started the recorder: having Flux installed changes nothing.
"""

import importlib
import os
from collections.abc import Collection
from typing import Any, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from flux_ls.record.guard import tell

PARTS: Final = {
    "flux-functions": "flux_ls.record.functions",
    "flux-rows": "flux_ls.record.rows",
    "flux-servers": "flux_ls.record.servers",
    "flux-outbound": "flux_ls.record.outbound",
}
"""The module of each part, with its `install` and `uninstall`, by its name among OpenTelemetry's instrumentations."""

DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"

_installed: set[str] = set()
_on = False


def disabled() -> frozenset[str]:
    """The instrumentations that the user does not want; `*` for all."""
    return frozenset(name.strip() for name in os.environ.get(DISABLED, "").split(",") if name.strip())


def install_all() -> None:
    """The recorder is on."""
    global _on
    _on = True
    unwanted = disabled()
    if "*" not in unwanted:
        for name in PARTS:
            if name not in unwanted:
                install(name)


def uninstall_all() -> None:
    global _on
    _on = False
    for name in list(_installed):
        uninstall(name)


def install(name: str) -> None:
    if not _on or name in _installed:
        return
    _installed.add(name)
    try:
        importlib.import_module(PARTS[name]).install()
    except Exception as error:
        tell(f"installing {name}", error)


def uninstall(name: str) -> None:
    if name not in _installed:
        return
    _installed.discard(name)
    try:
        importlib.import_module(PARTS[name]).uninstall()
    except Exception as error:
        tell(f"uninstalling {name}", error)


class _Part(BaseInstrumentor):  # type: ignore[misc]
    part = ""

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()

    def _instrument(self, **_: Any) -> None:
        install(self.part)

    def _uninstrument(self, **_: Any) -> None:
        uninstall(self.part)


class FunctionsInstrumentor(_Part):
    """Inputs and outputs of functions."""

    part = "flux-functions"


class RowsInstrumentor(_Part):
    """Row changes of SQLAlchemy and Django."""

    part = "flux-rows"


class ServersInstrumentor(_Part):
    """Inputs and outputs of requests, tasks and runs."""

    part = "flux-servers"


class OutboundInstrumentor(_Part):
    """Requests and responses of HTTP clients."""

    part = "flux-outbound"
