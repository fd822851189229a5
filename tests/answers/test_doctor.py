"""Each link of the chain, held by breaking it."""

import http.server
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flux_ls.answers.doctor import check_collector, doctor
from flux_ls.answers.shapes import Check, Doctor
from flux_ls.collector.daemon import Collector, ensure_collector, stop_collector
from flux_ls.config import Below, Loaded, load
from flux_ls.record import wire
from flux_ls.source.languages import grammars
from flux_ls.store.errors import RequestNotFound
from tests.e2e.processes import free_ports
from tests.recorded import Recorded
from tests.telemetry import RECORDER, Raises, RaisesInNode, new_trace_id, span
from tests.telemetry import http as http_span


def checks(recorded: Recorded, loaded: Loaded, environ: dict[str, str] | None = None) -> dict[str, Check]:
    answer = doctor(loaded, recorded.workspace(*loaded.settings.path_map), environ or {})
    return {check.name: check for check in answer.checks}


def of_request(recorded: Recorded, id: str, *path_map: str) -> Doctor:
    return doctor(recorded.loaded(), recorded.workspace(*path_map), {}, id)


def quiet(recorded: Recorded, **flags: object) -> Loaded:
    """Settings with ports that nobody has."""
    http_port, grpc_port = free_ports(2)
    return recorded.loaded(otlp_http_port=http_port, otlp_grpc_port=grpc_port, **flags)


def test_a_bad_setting_is_named(recorded: Recorded) -> None:
    loaded = load(recorded.root, {"FLUX_IDLE_EXIT": "soon"}, flags={"store": str(recorded.store)})
    check = checks(recorded, loaded)["settings"]
    assert not check.ok
    assert "FLUX_IDLE_EXIT" in check.detail


def test_what_projects_say_is_told_with_what_of_it_nobody_hears(recorded: Recorded) -> None:
    file = recorded.write("services/shop/pyproject.toml", "[tool.flux]\napp = 'shop:app'\nstore = 'own.db'\n")
    torn = recorded.write("services/torn/pyproject.toml", "[tool.flux]\nap = 'shop:app'\n")

    def of_settings(*folders: Path) -> Check:
        loaded = quiet(recorded)
        below = [Below(folder, load(recorded.root, {}, inside=folder)) for folder in folders]
        [check] = doctor(loaded, recorded.workspace(), {}, below=below).checks[:1]
        return check

    check = of_settings(file.parent)
    assert check.ok
    assert f"store, app from pyproject.toml ({file})" in check.detail
    assert check.mend == (
        f"store in {file}: of use only to commands in that folder, since the store and its collector are for all"
    )
    broken = of_settings(file.parent, torn.parent)
    assert not broken.ok
    assert f"pyproject.toml ({torn}): there is no setting `ap`" in broken.detail


def test_settings_tell_where_they_come_from(recorded: Recorded) -> None:
    check = checks(recorded, quiet(recorded))["settings"]
    assert check.ok
    assert "store from --store" in check.detail


def test_no_collector_is_the_first_broken_link(recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup())
    answer = doctor(quiet(recorded), recorded.workspace(), {})
    assert answer.broken is not None
    assert answer.broken.name == "collector"
    assert "flux serve" in (answer.broken.mend or "")


def test_without_the_setting_nobody_starts_one(recorded: Recorded) -> None:
    check = checks(recorded, quiet(recorded, collector=False))["collector"]
    assert "setting `collector`" in (check.mend or "")


def test_a_port_of_somebody_else_is_named_with_its_setting(recorded: Recorded) -> None:
    with other_program() as port:
        check = checks(recorded, recorded.loaded(otlp_http_port=port, otlp_grpc_port=0))["collector"]
    assert not check.ok
    assert f"port {port} is taken by another program" in check.detail
    assert "otlp_http_port" in (check.mend or "")


def test_a_running_collector_holds_and_other_ports_than_the_settings_say_do_not(recorded: Recorded) -> None:
    loaded = quiet(recorded)
    collector = ensure_collector(loaded.settings)
    try:
        held = checks(recorded, loaded)
        assert held["collector"].ok
        assert held["port"].ok
        assert str(collector.http_port) in held["port"].detail
        moved = checks(recorded, quiet(recorded))
        assert moved["collector"].ok
        assert not moved["port"].ok
    finally:
        stop_collector(loaded.settings)


def test_a_collector_of_another_version_is_to_be_restarted(recorded: Recorded) -> None:
    running = Collector(1, 4318, 4317, recorded.store, "0.0.1", 0)
    check = check_collector(recorded.loaded().settings, running)
    assert not check.ok
    assert "flux serve --stop" in (check.mend or "")


def test_no_store_yet(recorded: Recorded) -> None:
    found = checks(recorded, quiet(recorded))
    assert not found["store"].ok
    assert "flux serve" in (found["store"].mend or "")
    assert "exporter" in found
    assert "spans" not in found


def test_a_store_of_a_newer_flux(recorded: Recorded) -> None:
    recorded.add(http_span("GET", "/"))
    with sqlite3.connect(recorded.store) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    check = checks(recorded, quiet(recorded))["store"]
    assert not check.ok
    assert "newer" in check.detail
    assert "upgrade" in (check.mend or "")


def test_a_damaged_store(recorded: Recorded) -> None:
    recorded.store.parent.mkdir()
    recorded.store.write_bytes(b"no database at all" * 1000)
    check = checks(recorded, quiet(recorded))["store"]
    assert not check.ok
    assert check.mend


def test_nothing_has_arrived(recorded: Recorded) -> None:
    trace_id = recorded.add(http_span("GET", "/"))
    with sqlite3.connect(recorded.store) as connection:
        connection.execute("DELETE FROM request WHERE trace_id = ?", (bytes.fromhex(trace_id),))
    connection.close()
    check = checks(recorded, quiet(recorded))["spans"]
    assert not check.ok
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in (check.mend or "")


def test_what_arrived_is_counted(recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup())
    recorded.add(http_span("GET", "/", service="bakery"))
    check = checks(recorded, quiet(recorded))["spans"]
    assert check.ok
    assert check.detail.startswith("2 requests, 4 spans from bakery, shop, the last at 20"), check.detail


@pytest.mark.parametrize(("orphans", "complete", "ok"), [(0, 1, True), (1, 3, True), (3, 1, False)])
def test_requests_without_a_root(recorded: Recorded, orphans: int, complete: int, ok: bool) -> None:
    for _ in range(orphans):
        recorded.add(http_span("GET", "/", children=[span("query")]), only=["query"])
    for _ in range(complete):
        recorded.add(http_span("GET", "/"))
    check = checks(recorded, quiet(recorded))["root spans"]
    assert check.ok is ok
    assert (check.mend is not None) is (orphans > 0)


def test_failures_without_exceptions(recorded: Recorded) -> None:
    recorded.add(http_span("GET", "/", 500))
    check = checks(recorded, quiet(recorded))["exceptions"]
    assert not check.ok
    assert "no exception was recorded" in check.detail
    recorded.add(recorded.failing_signup())
    assert checks(recorded, quiet(recorded))["exceptions"].ok


def test_paths_of_a_container_that_this_workspace_does_not_have(recorded: Recorded) -> None:
    fault = Raises("KeyError", "'x'", (("/srv/app/reports/monthly.py", 3, "monthly", "totals['x']"),))
    id = recorded.add(http_span("GET", "/", 500, raises=fault))
    check = checks(recorded, quiet(recorded))["paths"]
    assert not check.ok
    assert "/srv/app/reports/monthly.py" in check.detail
    assert 'path_map = ["/srv/app=."]' in (check.mend or "")
    recorded.write("reports/monthly.py", "def monthly(totals):\n    # sums\n    return totals['x']\n")
    assert checks(recorded, quiet(recorded, path_map=["/srv/app=" + str(recorded.root)]))["paths"].ok
    assert of_request(recorded, id, f"/srv/app={recorded.root}").broken is None


def test_two_files_that_fit_are_both_named(recorded: Recorded) -> None:
    for folder in ("api", "worker"):
        recorded.write(f"{folder}/shop/models.py", "def save(row):\n    raise KeyError(row)\n")
    fault = Raises("KeyError", "1", (("/srv/x/shop/models.py", 2, "save", "raise KeyError(row)"),))
    id = recorded.add(http_span("GET", "/", 500, raises=fault))
    broken = of_request(recorded, id).broken
    assert broken is not None
    assert broken.name == "paths"
    assert "api/shop/models.py" in broken.detail
    assert "worker/shop/models.py" in broken.detail
    assert 'path_map = ["/srv/x=api"]' in (broken.mend or "")


def test_a_revision_is_advice(recorded: Recorded) -> None:
    recorded.add(http_span("GET", "/"))
    check = checks(recorded, quiet(recorded))["revision"]
    assert check.ok
    assert "vcs.ref.head.revision" in (check.mend or "")
    told = Recorded(recorded.root.parent / "told")
    told.add(http_span("GET", "/"), resource={"vcs.ref.head.revision": "a" * 40})
    assert checks(told, quiet(told))["revision"].mend is None


def test_the_language_server(recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded.add(http_span("GET", "/"))
    nowhere = {"PATH": str(tmp_path / "empty")}
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    check = checks(recorded, quiet(recorded), nowhere)["editor"]
    assert (check.ok, check.mend) == (False, "pip install flux-ls")
    (tmp_path / "flux-ls").write_text("#!/bin/sh\n")
    (tmp_path / "flux-ls").chmod(0o755)
    check = checks(recorded, quiet(recorded), nowhere)["editor"]
    assert check.ok
    assert "on PATH" in (check.mend or "")
    check = checks(recorded, quiet(recorded), {"PATH": str(tmp_path)})["editor"]
    assert (check.ok, check.mend) == (True, None)


# One request.


def test_a_request_that_is_on_its_line_holds_all_along(recorded: Recorded) -> None:
    answer = of_request(recorded, recorded.add(recorded.failing_signup()))
    assert answer.broken is None
    names = [check.name for check in answer.checks]
    assert names == ["settings", "store", "request", "failure", "location", "paths", "recorder", "revision", "line"]


def test_a_request_without_its_root(recorded: Recorded) -> None:
    root, id = http_span("GET", "/", children=[span("query")]), new_trace_id()
    recorded.add(root, trace_id=id, only=["query"])
    broken = of_request(recorded, id).broken
    assert broken is not None
    assert broken.name == "request"


def test_a_request_without_a_location(recorded: Recorded) -> None:
    broken = of_request(recorded, recorded.add(http_span("GET", "/", 500))).broken
    assert broken is not None
    assert broken.name == "location"


def test_a_line_that_is_gone(recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup())
    recorded.payments.write_text("def signup(form):\n    return None\n")
    broken = of_request(recorded, id).broken
    assert broken is not None
    assert broken.name == "line"


@pytest.mark.parametrize("grammar", [True, False])
def test_functions_that_are_not_read(recorded: Recorded, monkeypatch: pytest.MonkeyPatch, grammar: bool) -> None:
    file = recorded.payments.with_name("pay.js")
    file.write_text("class Gateway {\n  charge() {\n    throw new Error('declined');\n  }\n}\n")
    fault = RaisesInNode("Error", "declined", ((str(file), 3, "Gateway.charge", ""),))
    id = recorded.add(http_span("POST", "/pay", 500, raises=fault))
    if not grammar:
        monkeypatch.setattr(grammars, "load", lambda package, function: None)
    grammars.grammar.cache_clear()
    answer = of_request(recorded, id)
    grammars.grammar.cache_clear()
    assert answer.broken is None
    told = [(check.ok, check.detail, check.mend) for check in answer.checks if check.name == "functions"]
    missing = "those of JavaScript files are not read: its grammar is not installed"
    assert told == ([] if grammar else [(True, missing, "pip install 'flux-ls[grammars]'")])


def test_a_file_that_is_not_here_leaves_nothing_to_say_of_its_line(recorded: Recorded) -> None:
    recorded.payments.rename(recorded.payments.with_name("renamed.py"))
    answer = of_request(recorded, recorded.add(recorded.failing_signup()))
    assert answer.broken is not None
    assert answer.broken.name == "paths"
    assert "line" not in {check.name for check in answer.checks}


def test_a_request_that_did_not_fail(recorded: Recorded) -> None:
    answer = of_request(recorded, recorded.add(http_span("GET", "/")))
    assert answer.broken is None
    assert "did not fail" in {check.name: check for check in answer.checks}["failure"].detail


def test_a_request_that_is_not_there(recorded: Recorded) -> None:
    recorded.add(http_span("GET", "/"))
    with pytest.raises(RequestNotFound):
        of_request(recorded, "ffffffff")


@contextmanager
def other_program() -> Iterator[int]:
    """An HTTP server that knows nothing of OTLP."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PYTHON = {"telemetry.sdk.language": "python"}


@pytest.mark.parametrize(
    ("services", "detail", "mend"),
    [
        ({"shop": RECORDER}, "shop by python/0.1.0", None),
        ({"shop": {**RECORDER, **PYTHON}, "front": {"telemetry.sdk.language": "nodejs"}}, "shop by python/0.1.0", None),
        ({"front": {"telemetry.sdk.language": "nodejs"}}, "none: no service of Python has been seen", None),
        (
            {"shop": {**RECORDER, **PYTHON}, "mail": PYTHON},
            "shop by python/0.1.0; mail without one: spans, but no inputs, rows or variables",
            "flux run",
        ),
        ({"shop": {**RECORDER, wire.RECORDER_FORMAT: wire.FORMAT + 1}}, "newer format", "same version"),
    ],
)
def test_who_records_what(
    recorded: Recorded, services: dict[str, dict[str, object]], detail: str, mend: str | None
) -> None:
    for service, resource in services.items():
        recorded.add(http_span("GET", "/"), resource={"service.name": service, **resource})
    check = checks(recorded, quiet(recorded))["recorder"]
    assert check.ok, "without a recorder nothing is broken"
    assert detail in check.detail
    assert (check.mend is None) if mend is None else (mend in (check.mend or ""))
