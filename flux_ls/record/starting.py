"""`start()`: the recorder in this process, once."""

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flux_ls.record import recording, settings
from flux_ls.record.guard import say_once, tell

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from flux_ls.record.providers import Providers
    from flux_ls.record.revision import Checkout
    from flux_ls.record.started_with import StartedWith

_lock = threading.RLock()
_providers: "Providers | None" = None


def is_on() -> bool:
    """Whether this process records."""
    return _providers is not None


def start(
    *,
    exporter: "SpanExporter | None" = None,
    endpoint: str | None = None,
    functions: Iterable[str] | None = None,
    redact_keys: Iterable[str] | None = None,
    record_rate: float | None = None,
    instrument: bool | None = None,
    **more: object,
) -> None:
    """Records from now on what requests do in this process.

    It adds to the OpenTelemetry set-up that the application has, or sets up later, and replaces nothing; where there is
    none, it makes one, with the instrumentations that are installed. `exporter` takes the place of Flux's collector.
    `instrument` says whether to set the installed instrumentations to work; not given, that is done where there is no
    set-up yet. The other arguments are settings of the same name; what is not given is taken from the environment and
    pyproject.toml. It never raises: what is wrong is logged to `flux_ls.record`.
    """
    try:
        given = {
            "endpoint": endpoint,
            "functions": None if functions is None else tuple(functions),
            "redact_keys": None if redact_keys is None else tuple(redact_keys),
            "record_rate": record_rate,
            **more,
        }
        with _lock:
            if not is_on() and _is_wanted():
                _start(exporter, given, instrument)
    except ImportError as error:
        say_once('nothing is recorded, %s: pip install "flux-ls[record]"', error)
    except Exception as error:
        tell("starting the recorder", error)


def stop() -> None:
    """Ends recording; what was recorded is sent first."""
    global _providers
    with _lock:
        providers, _providers = _providers, None
        if providers is None:
            return
        from flux_ls.record import export, instrumentors

        instrumentors.uninstall_all()
        providers.unwatch()
        recording.disconnect()
        export.stop()


def _is_wanted() -> bool:
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not disabled and os.environ.get(settings.RECORD, "").strip() != "0"


def _start(exporter: "SpanExporter | None", given: Mapping[str, object], instrument: bool | None) -> None:
    global _providers
    from opentelemetry import trace

    from flux_ls.record import export, instrumentors, redaction
    from flux_ls.record.export import otlp, protobuf, texts
    from flux_ls.record.export.blobs import add_blobs
    from flux_ls.record.export.packing import Collector, Destination
    from flux_ls.record.export.process import Process
    from flux_ls.record.processor import RecordingProcessor
    from flux_ls.record.providers import Providers, quick_current_span
    from flux_ls.record.started_with import StartedWith

    in_force = settings.load(given=given)
    settings.put_in_force(in_force)
    redaction.configure(in_force.redact_keys)
    for told in (otlp, protobuf, texts):
        told.forget()
    checkout = _checkout()
    process = Process(_service(), _found_out(checkout, StartedWith()))
    destination: Destination
    if exporter is None:
        destination = Collector(in_force.endpoint, in_force.record_span_bytes, process)
    else:
        from flux_ls.record.export.spans import ThroughExporter

        destination = ThroughExporter(exporter, in_force.record_span_bytes, process)
    export.send_to(destination, in_force.record_rate, lambda taken: add_blobs(taken, checkout.blobs))
    recording.connect(export.hand_over, quick_current_span())

    providers = Providers(RecordingProcessor(), process.use_that_of)
    providers.watch()
    had_one = providers.has_one()
    if had_one:
        providers.attach(trace.get_tracer_provider())
    else:
        from flux_ls.record.distro import make_provider

        made = make_provider(in_force.endpoint, with_exporters=instrument is not False)
        trace.set_tracer_provider(made)
        providers.offer(made)
    _providers = providers
    if instrument or (instrument is None and not had_one):
        from flux_ls.record.libraries import instrument_when_imported

        instrument_when_imported()
    instrumentors.install_all()
    atexit.register(export.flush_at_exit)


def _service() -> str:
    from flux_ls.record.service import current_name

    name = os.environ.get(settings.SERVICE, "")
    # A process of multiprocessing was not told by its command line what it is for.
    if not name or "multiprocessing" not in "".join(sys.orig_argv[:4]):
        name = current_name()
        if os.environ.get(settings.RECORD) == "1":
            os.environ[settings.SERVICE] = name
    return name


def _checkout() -> "Checkout":
    from flux_ls.record.revision import Checkout
    from flux_ls.record.wire import REVISION

    if REVISION in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        return Checkout(None)
    checkout = Checkout(Path.cwd())
    checkout.look()
    return checkout


def _found_out(checkout: "Checkout", started: "StartedWith") -> Callable[[], Mapping[str, object]]:
    """What is told of this process: who recorded, how it was started, and the revision once git has answered."""
    from flux_ls import __version__
    from flux_ls.record.wire import FORMAT, RECORDER, RECORDER_FORMAT

    recorder = {RECORDER: f"python/{__version__}", RECORDER_FORMAT: FORMAT}
    all_of_it: dict[str, object] = {}

    def found_out() -> Mapping[str, object]:
        if not all_of_it:
            all_of_it.update(recorder, **started.attributes(), **checkout.attributes())
        return all_of_it

    return found_out
