"""Why is nothing here: the chain from an application to the screen, link by link, each with its mend.

What a link does not know of the ones before it is told in that order: settings, collector, port, store, exporter,
spans, root spans, exceptions, paths, recorder, revision, line, editor. A store that no collector could use comes before
the collector.
"""

import shutil
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from flux_ls import __version__
from flux_ls.analysis.assess import assess
from flux_ls.answers.exporter import check_exporter
from flux_ls.answers.frames import recorded_frames
from flux_ls.answers.places import check_line, check_paths, check_revision, told_apart
from flux_ls.answers.recorders import check_recorder
from flux_ls.answers.shapes import Check, Doctor, timestamp
from flux_ls.collector.daemon import Collector, find_collector
from flux_ls.collector.ports import holder
from flux_ls.config import Below, Loaded, Settings
from flux_ls.model import Assessment, Issue, LocatedFrame, Request, Span
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.source.languages.grammars import not_read
from flux_ls.source.workspace import Workspace
from flux_ls.store.errors import StoreCorrupt, StoreError, StoreMissing, StoreRefused
from flux_ls.store.facts import StoreFacts
from flux_ls.store.reader import Reader

_LOOKED_AT = 20
"""Issues whose places are looked for."""


def doctor(
    loaded: Loaded,
    workspace: Workspace,
    environ: Mapping[str, str],
    id: str | None = None,
    *,
    below: Sequence[Below] = (),
    project: Callable[[Sequence[Span]], Check | None] = lambda _: None,
) -> Doctor:
    """The checks in the order of the chain; what cannot be judged because of a broken link before it is left out.

    With an id, those of one request; raises what `Reader.resolve` raises. `below` are the projects that have settings
    of their own, and `project` tells of the one that a request belongs to.
    """
    settings = loaded.settings
    checks = [check_settings(loaded, below)]
    rule = InAppRule(include=settings.in_app_include, exclude=settings.in_app_exclude)
    refused: StoreError | None = None
    reader: Reader | None = None
    try:
        reader = Reader(settings.store, rule)
    except StoreError as error:
        refused = error
        if isinstance(error, StoreRefused):
            # A collector could not use it either, so that has no mend as long as this has none.
            checks.append(store_unreadable(error))
    collector = find_collector(settings) if id is None else None
    if id is None:
        checks.append(check_collector(settings, collector))
    if collector is not None:
        checks.append(check_ports(settings, collector))
    if reader is None:
        assert refused is not None
        if not isinstance(refused, StoreRefused):
            checks.append(store_unreadable(refused))
        if isinstance(refused, StoreMissing):
            checks.append(check_exporter(environ, settings, collector))
        return Doctor(tuple(checks))
    with closing(reader):
        facts = reader.facts()
        checks.append(check_store(facts))
        if id is not None:
            checks += _of_request(reader, workspace, id, project)
        else:
            checks += (check_exporter(environ, settings, collector), check_spans(settings, facts))
            if facts.requests:
                checks += _of_store(reader, workspace, facts)
            checks.append(check_editor(environ))
    return Doctor(tuple(checks))


def _of_store(reader: Reader, workspace: Workspace, facts: StoreFacts) -> list[Check]:
    _, issues = reader.issues()
    failing = [issue for issue in issues if issue.count and not issue.failure.handled]
    failing.sort(key=lambda issue: -issue.last_seen_ns)
    latest = list(reader.requests(limit=200, newest_first=True))
    workspace.learn(recorded_frames(reader))
    located = [
        workspace.locate(issue.failure.location, issue.last_seen_ns)
        for issue in failing[:_LOOKED_AT]
        if issue.failure.location is not None
    ]
    return [
        check_roots(facts),
        check_exceptions(facts, failing),
        check_paths(workspace, located),
        check_recorder(reader, latest),
        check_revision(workspace, latest, located),
        *check_line(located),
    ]


def _of_request(
    reader: Reader, workspace: Workspace, id: str, project: Callable[[Sequence[Span]], Check | None]
) -> list[Check]:
    request = reader.resolve(id)
    assessment = assess(reader.spans_of_interest(request.id))
    checks = [check_root(request), check_failure(assessment)]
    failure, located = assessment.failure, list[LocatedFrame]()
    if failure is not None:
        checks.append(check_location(assessment))
        if failure.location is not None:
            workspace.learn((*recorded_frames(reader), *failure.frames))
            located = [workspace.locate(failure.location, failure.at_ns or request.ended_ns)]
            checks.append(check_paths(workspace, located))
    if (told := project(reader.spans(request.id))) is not None:
        checks.append(told)
    checks += (
        check_recorder(reader, [request]),
        check_revision(workspace, [request], located),
        *check_line(located),
    )
    # What a grammar would add is advice: nothing is broken without it.
    checks += [Check("functions", True, *read) for place in located if place.path and (read := not_read(place.path))]
    return checks


def check_settings(loaded: Loaded, below: Sequence[Below] = ()) -> Check:
    warnings = dict.fromkeys((*loaded.warnings, *(text for each in below for text in each.loaded.warnings)))
    if warnings:
        return Check("settings", False, "; ".join(warnings), "mend these settings; 'flux config' shows the rest")
    by_origin: dict[str, list[str]] = defaultdict(list)
    for each in (loaded, *(each.loaded for each in below)):
        for name, origin in each.origin.items():
            if origin != "default" and name not in by_origin[origin]:
                by_origin[origin].append(name)
    told = [f"{', '.join(names)} from {origin}" for origin, names in by_origin.items() if names]
    return Check("settings", True, "; ".join(told) or "all at their defaults", _unheard(below))


def _unheard(below: Sequence[Below]) -> str | None:
    """What a project says of that which all projects share, where this is asked."""
    told = [f"{', '.join(each.unheard)} in {each.folder / 'pyproject.toml'}" for each in below if each.unheard]
    if not told:
        return None
    return f"{'; '.join(told)}: of use only to commands in that folder, since the store and its collector are for all"


def check_collector(settings: Settings, collector: Collector | None) -> Check:
    if collector is not None:
        detail = f"process {collector.pid}, flux {collector.version}, for {collector.store}"
        if collector.version != __version__:
            mend = "stop it with 'flux serve --stop'; the next command or editor starts this version"
            return Check("collector", False, f"{detail}, while this is flux {__version__}", mend)
        return Check("collector", True, detail)
    for port in filter(None, (settings.otlp_http_port, settings.otlp_grpc_port)):
        if (by := port_holder(port, settings.store)) is not None:
            setting = "otlp_http_port" if port == settings.otlp_http_port else "otlp_grpc_port"
            return Check(
                "collector",
                False,
                f"none runs, and port {port} is taken by {by}",
                f"stop it, or choose another port with {setting} and send there",
            )
    mend = "start it with 'flux serve', or keep 'flux tail' or the editor open"
    if not settings.collector:
        mend = "start it with 'flux serve': the setting `collector` keeps tail and the editor from doing so"
        if settings.store.exists():
            # Who starts it himself may look at what it recorded without it.
            return Check("collector", True, f"none runs now for {settings.store}, so nothing new arrives", mend)
    return Check("collector", False, f"none runs for {settings.store}", mend)


def check_ports(settings: Settings, collector: Collector) -> Check:
    detail = f"OTLP/HTTP on 127.0.0.1:{collector.http_port}, "
    detail += f"gRPC on 127.0.0.1:{collector.grpc_port}" if collector.grpc_port else "gRPC off"
    wanted = (settings.otlp_http_port or collector.http_port, settings.otlp_grpc_port)
    if wanted == (collector.http_port, collector.grpc_port):
        return Check("port", True, detail)
    return Check(
        "port",
        False,
        f"{detail}, but the settings say {wanted[0]} and {wanted[1] or 'off'}",
        "restart it with 'flux serve --stop' and 'flux serve --background', or send to where it listens",
    )


def port_holder(port: int, store: Path) -> str | None:
    """Who listens on a loopback port; None when nobody does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return None
    return holder(port, store)


def store_unreadable(error: StoreError) -> Check:
    if isinstance(error, StoreCorrupt):
        detail, _, follows = str(error).rpartition("; ")
        return Check("store", False, detail, f"'flux serve --stop' and 'flux serve --background': {follows}")
    detail, mend = told_apart(str(error))
    return Check("store", False, detail, mend or "try again, or name another store with --store or FLUX_STORE")


def check_store(facts: StoreFacts) -> Check:
    size = facts.bytes / 1024**2
    return Check("store", True, f"{facts.path}, {size:.1f} MiB, schema {facts.schema_version}")


def check_spans(settings: Settings, facts: StoreFacts) -> Check:
    if not facts.requests:
        return Check(
            "spans",
            False,
            "nothing has ever arrived",
            "run the service under OpenTelemetry with "
            f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{settings.otlp_http_port} "
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, and send it a request",
        )
    last = f", the last at {timestamp(facts.last_received_ns)}" if facts.last_received_ns is not None else ""
    services = ", ".join(facts.services)
    arrived = f"{_count(facts.requests, 'request')}, {_count(facts.spans, 'span')}"
    return Check("spans", True, f"{arrived} from {services}{last}")


def check_roots(facts: StoreFacts) -> Check:
    judged = min(facts.requests, 1000)
    if not facts.without_root:
        return Check("root spans", True, "every recent request has its root span")
    return Check(
        "root spans",
        facts.without_root * 2 < judged,
        f"of the latest {_count(judged, 'request')}, {facts.without_root} have no root span (shown as incomplete)",
        "let the service that receives the request first (a gateway, a front end) export to Flux as well",
    )


def check_exceptions(facts: StoreFacts, failing: Sequence[Issue]) -> Check:
    if not facts.failed:
        return Check("exceptions", True, "no request has failed yet")
    without = [issue for issue in failing if issue.failure.location is None]
    located = len(failing) - len(without)
    if located or not failing:
        groups = _count(len(failing), "issue group")
        detail = f"{_count(facts.failed, 'request')} failed; of {groups}, {located} can be located"
        return Check("exceptions", True, detail)
    return Check(
        "exceptions",
        False,
        f"no failure has a location: {without[0].failure.location_reason}",
        "let the instrumentation record exceptions with their stack traces, and export logs to the same endpoint: "
        "some frameworks put exceptions there",
    )


def check_root(request: Request) -> Check:
    if request.complete:
        return Check(
            "request", True, f"{request.id}: {request.name}, {_count(request.spans, 'span')} from {request.service}"
        )
    return Check(
        "request",
        False,
        f"{request.id}: its root span has not arrived ({_count(request.spans, 'span')} from {request.service})",
        "let the service that receives the request first export to Flux as well; a request that still runs has no root",
    )


def check_failure(assessment: Assessment) -> Check:
    if assessment.failure is not None:
        failure = assessment.failure
        return Check("failure", True, f"{failure.type}: {failure.message}" if failure.message else failure.type)
    if assessment.handled:
        return Check(
            "failure", True, f"it did not fail; handled on the way: {_count(len(assessment.handled), 'error')}"
        )
    return Check("failure", True, "it did not fail, so there is nothing to show on a line")


def check_location(assessment: Assessment) -> Check:
    failure = assessment.failure
    assert failure is not None
    if failure.location is not None:
        return Check("location", True, f"{failure.location.path} line {failure.location.line}")
    return Check(
        "location",
        False,
        failure.location_reason or "no exception with a stack trace was recorded",
        "let the instrumentation record exceptions, and export logs too; in_app_include names more code as yours",
    )


def check_editor(environ: Mapping[str, str]) -> Check:
    found = shutil.which("flux-ls", path=environ.get("PATH"))
    if found is not None:
        return Check("editor", True, f"{found} is the language server; in Neovim, :checkhealth flux tells the rest")
    beside = Path(sys.executable).with_name("flux-ls")
    if beside.exists():
        mend = "start the editor where its folder is on PATH, or name it in the editor's settings"
        return Check("editor", True, f"the language server is {beside}, which is not on PATH", mend)
    return Check("editor", False, "the language server flux-ls is not installed", "pip install flux-ls")


def _count(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else one + 's'}"
