"""Whether a recorder told of the requests, or OpenTelemetry alone."""

from collections.abc import Iterable
from typing import Any

from flux_ls.answers.shapes import Check
from flux_ls.model import Request, Resource
from flux_ls.record import wire
from flux_ls.store.reader import Reader

_SERVICES = 10
"""Services of which one request is looked at, the latest."""
_MEND = "start it with 'flux run -- CMD', or call flux_ls.record.start() in it"


def check_recorder(reader: Reader, requests: Iterable[Request]) -> Check:
    """Of each service by its latest request. Without a recorder nothing is broken: spans still say where."""
    latest: dict[str, Request] = {}
    for request in requests:
        if request.service not in latest and len(latest) < _SERVICES:
            latest[request.service] = request
    resources: dict[str, list[Resource]] = {}
    for request in latest.values():
        for span in reader.spans_of_interest(request.id):
            resources.setdefault(span.resource.service, []).append(span.resource)
    recorded = {name: found for name, each in resources.items() if (found := _recorder(each)) is not None}
    by_recorder: dict[str, list[str]] = {}
    for name, (recorder, _) in recorded.items():
        by_recorder.setdefault(recorder, []).append(name)
    told = [f"{', '.join(sorted(names))} by {recorder}" for recorder, names in by_recorder.items()]
    if newer := [name for name, (_, format) in recorded.items() if format > wire.FORMAT]:
        detail = f"{', '.join(sorted(newer))} records in a newer format than this flux reads"
        return Check("recorder", True, "; ".join([*told, detail]), "install the same version of flux here")
    without = sorted(
        name
        for name, each in resources.items()
        if name not in recorded and any(one.attributes.get("telemetry.sdk.language") == "python" for one in each)
    )
    if not without:
        return Check("recorder", True, "; ".join(told) or "none: no service of Python has been seen")
    lacking = f"{', '.join(without)} without one: spans, but no inputs, rows or variables"
    return Check("recorder", True, "; ".join([*told, lacking]), _MEND)


def _recorder(resources: Iterable[Resource]) -> tuple[str, int] | None:
    for resource in resources:
        named: Any = resource.attributes.get(wire.RECORDER)
        if isinstance(named, str):
            format: Any = resource.attributes.get(wire.RECORDER_FORMAT)
            return named, format if isinstance(format, int) else wire.FORMAT
    return None
