"""Applications with an OpenTelemetry set-up of their own: it goes on as it is, and Flux sees what it sees."""

from pathlib import Path

import pytest

from tests.record.programs import as_flux_run_does, run_program
from tests.record.receiver import Receiver

OWN_SETUP = """
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    mine = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "till"}))
    provider.add_span_processor(SimpleSpanProcessor(mine))

    def show():
        for span in mine.get_finished_spans():
            print(span.name, dict(span.attributes), span.resource.attributes["service.name"])
"""

USE = """
    with trace.get_tracer("app").start_as_current_span("work", attributes={"a": 1}):
        from flux_ls.record import recording
        here = recording.current()
        here.annotate(here.root_id, {"flux.input": "{}"})
    show()
"""

ORDERS = {
    "started after the set-up": OWN_SETUP
    + """
    trace.set_tracer_provider(provider)
    import sys
    from flux_ls.record import start
    start(endpoint=sys.argv[1])
    start()
"""
    + USE,
    "started before the set-up": """
    import sys
    from flux_ls.record import start
    start(endpoint=sys.argv[1])
"""
    + OWN_SETUP
    + """
    trace.set_tracer_provider(provider)
"""
    + USE,
    "imported before, started between": """
    from opentelemetry.trace import set_tracer_provider
"""
    + OWN_SETUP
    + """
    import sys
    from flux_ls.record import start
    start(endpoint=sys.argv[1])
    set_tracer_provider(provider)
"""
    + USE,
}


@pytest.mark.parametrize("text", ORDERS.values(), ids=ORDERS)
def test_both_get_the_span(tmp_path: Path, text: str) -> None:
    with Receiver() as receiver:
        ended = run_program(tmp_path, text, receiver.endpoint)
        assert (ended.out, ended.err) == ("work {'a': 1} till\n", "")
        (got,) = receiver.spans
        assert (got.name, got.attributes) == ("work", {"a": 1, "flux.input": "{}"})
        assert got.resource["service.name"] == "till"


def test_under_flux_run_the_applications_provider_wins(tmp_path: Path) -> None:
    with Receiver() as receiver:
        text = OWN_SETUP + "    trace.set_tracer_provider(provider)\n" + USE
        ended = run_program(tmp_path, text, env=as_flux_run_does(receiver.endpoint))
        assert (ended.out, ended.err) == ("work {'a': 1} till\n", "")
        assert [got.name for got in receiver.spans if got.name == "work"] == ["work"]


def test_a_second_provider_is_refused_as_ever(tmp_path: Path) -> None:
    text = (
        OWN_SETUP
        + """
    import logging, sys
    logging.basicConfig(format="%(message)s")
    trace.set_tracer_provider(provider)
    trace.set_tracer_provider(TracerProvider())
    assert trace.get_tracer_provider() is provider
"""
    )
    with Receiver() as receiver:
        bare = run_program(tmp_path, text)
        ended = run_program(tmp_path, text, env=as_flux_run_does(receiver.endpoint))
        assert (ended.out, ended.err) == (bare.out, bare.err)
        assert "Overriding" in bare.err


def test_tracers_handed_out_before_become_the_applications(tmp_path: Path) -> None:
    text = (
        """
    from opentelemetry import trace
    early = trace.get_tracer("instrumentation", "1.0")
    from opentelemetry.trace import get_tracer_provider
    also = get_tracer_provider().get_tracer("other")
"""
        + OWN_SETUP
        + """
    trace.set_tracer_provider(provider)
    with early.start_as_current_span("early"):
        with also.start_as_current_span("also"):
            pass
    show()
"""
    )
    with Receiver() as receiver:
        ended = run_program(tmp_path, text, env=as_flux_run_does(receiver.endpoint))
        assert (ended.out, ended.err) == ("also {} till\nearly {} till\n", "")
        early, also = receiver.wait_for("early", "also")
        assert early.scope == "instrumentation"
        assert also.span["parentSpanId"] == early.span["spanId"]
        assert len([got for got in receiver.spans if got.name in ("early", "also")]) == 2


def test_an_application_that_adds_a_processor_to_the_global_provider(tmp_path: Path) -> None:
    text = (
        OWN_SETUP
        + """
    found = trace.get_tracer_provider()
    assert isinstance(found, TracerProvider)
    found.add_span_processor(SimpleSpanProcessor(mine))
    with trace.get_tracer("app").start_as_current_span("work"):
        pass
    print([span.name for span in mine.get_finished_spans()])
"""
    )
    with Receiver() as receiver:
        ended = run_program(tmp_path, text, env=as_flux_run_does(receiver.endpoint))
        assert (ended.out, ended.err) == ("['work']\n", "")
        receiver.wait_for("work")


def test_an_exporter_of_the_applications_choice_carries_it(tmp_path: Path) -> None:
    text = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from flux_ls.record import start
    from flux_ls.record.export import flush
    from flux_ls.record import recording
    exporter = InMemorySpanExporter()
    start(exporter=exporter)
    with trace.get_tracer("app").start_as_current_span("work"):
        here = recording.current()
        here.annotate(here.root_id, {"flux.input": "{}"})
    flush(5)
    print([(span.name, dict(span.attributes)) for span in exporter.get_finished_spans() if span.name == "work"])
"""
    ended = run_program(tmp_path, text)
    assert (ended.out, ended.err) == ("[('work', {'flux.input': '{}'})]\n", "")


CONFIGURED = """
    from opentelemetry import trace
    with trace.get_tracer("app").start_as_current_span("work"):
        pass
"""


def test_the_users_configured_export_goes_on(tmp_path: Path) -> None:
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint) | {"OTEL_TRACES_EXPORTER": "console"}
        ended = run_program(tmp_path, CONFIGURED, env=env)
        assert '"name": "work"' in ended.out
        receiver.wait_for("work")


@pytest.mark.parametrize("exporters", [{}, {f"OTEL_{each}_EXPORTER": "none" for each in ("TRACES", "METRICS", "LOGS")}])
def test_nothing_is_exported_elsewhere_when_nobody_asked(tmp_path: Path, exporters: dict[str, str]) -> None:
    text = """
    import sys
    from opentelemetry import metrics, trace
    print(trace.get_tracer_provider()._active_span_processor._span_processors)
    print(type(metrics.get_meter_provider()).__name__)
    print("opentelemetry.sdk._configuration" in sys.modules)
"""
    with Receiver() as receiver:
        ended = run_program(tmp_path, text, env=as_flux_run_does(receiver.endpoint) | exporters)
        assert ended.out.count("Processor object") == 1
        assert "Proxy" in ended.out
        assert ended.out.endswith("False\n"), "what sets up exporters takes long to import"


def test_an_endpoint_that_is_flux_itself_gets_everything_once(tmp_path: Path) -> None:
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint) | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint.replace("127.0.0.1", "localhost"),
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        ended = run_program(tmp_path, CONFIGURED, env=env)
        assert ended.err == ""
        receiver.wait_for("work")
        assert len(receiver.named("work")) == 1
        assert len(receiver.tries) == len(receiver.exports)


def test_the_sdk_can_be_switched_off(tmp_path: Path) -> None:
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint) | {"OTEL_SDK_DISABLED": "true"}
        ended = run_program(tmp_path, CONFIGURED, env=env)
        assert (ended.code, ended.err) == (0, "")
        assert receiver.tries == []
