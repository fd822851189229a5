"""The text beside an answer's data, short and complete enough for clients that show nothing else to their model."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flux_ls.answers.rows import row_name
from flux_ls.answers.spoken_of import spoken_of_first
from flux_ls.answers.values import pairs, shown
from flux_ls.answers.words import counted, is_proven

Data = Mapping[str, Any]

MOST_BYTES = 8 * 1024
_LINE = 400
_MOST_SPANS = 60
_MOST_ROWS = 12


def summary(name: str, data: Data, limit: int = MOST_BYTES) -> str:
    """At most `limit` bytes; the first lines say most."""
    lines: list[str] = []
    room = limit - 80
    if name == "explain":
        # It is a text already, whose lines are all of one size.
        told = data["prompt"].split("\n")
    else:
        told = [line if len(line) <= _LINE else line[: _LINE - 1] + "…" for line in _TELLING[name](data)]
    for at, line in enumerate(told):
        room -= len(line.encode()) + 1
        if room < 0:
            lines.append(f"… {len(told) - at} more lines")
            break
        lines.append(line)
    return "\n".join(lines)


def _request(request: Data) -> str:
    status = request["status"] if request["status"] is not None else "failed" if request["failed"] else "ok"
    error = f"  {request['error']}" if request["error"] else ""
    return (
        f"req:{request['short_id']}  {request['name']}  {status}  {request['duration_ms']:g} ms  {request['service']}  "
        f"{request['started_at']}{error}"
    )


def _place(frame: Data | None) -> str:
    if frame is None:
        return "no location"
    sure = "" if frame["anchor"] == "exact" else f" ({frame['anchor']})"
    source = f": {frame['source'].strip()}" if frame["source"] else ""
    return f"{frame['path']}:{frame['line']} in {frame['function']}{sure}{source}"


def _named(title: str, tree: Any) -> Iterator[str]:
    if isinstance(tree, dict) and tree:
        yield f"{title}: {pairs(tree, _LINE)}"


def _row(row: Data) -> str:
    changes = ", ".join(
        f"{name}: {shown(each['before'], 60)} -> {shown(each['after'], 60)}" for name, each in row["columns"].items()
    )
    where = f" by {row['frame']['function']}" if row["frame"] else ""
    return f"{row['outcome']} {row['operation']} {row['table']} {pairs(row['key'], 60)} {{{changes}}}{where}"


def _rows(title: str, rows: Iterable[Data]) -> Iterator[str]:
    told = list(rows)
    if told:
        yield f"{title}:"
    for row in told[:_MOST_ROWS]:
        yield f"  {row['at']}  req:{row['request_id'][:8]}  {_row(row)}"
    if len(told) > _MOST_ROWS:
        yield f"  … {len(told) - _MOST_ROWS} more"


_EMPTY = "nothing is recorded yet, of any program: the tool `doctor` finds out what is missing"


def _tail(data: Data) -> Iterator[str]:
    yield from map(_request, data["requests"])
    if not data["requests"]:
        yield _EMPTY if data["empty"] else "no request fits"
    if data["more"]:
        yield "there are older ones"


def _why(data: Data) -> Iterator[str]:
    yield _request(data["request"])
    cause = data["root_cause"]
    if cause is None:
        yield "it failed, and no span says why" if data["request"]["failed"] else "it did not fail"
    else:
        yield f"root cause: {cause['type']}: {cause['message']}  (span {cause['span_name']})"
        yield f"location: {_place(data['location'])}"
        if data["location"] is None:
            yield f"  because {data['location_reason']}"
        else:
            yield from _named("locals", spoken_of_first(data["location"]["locals"] or {}, data["location"]["source"]))
    yield from (f"suggestion: {each['title']} — {each['evidence']}" for each in data["suggestions"])
    yield from _named("input", data["input"])
    yield from _rows("data changes", data["row_changes"])
    if len(data["frames"]) > 1:
        yield "path, outermost first:"
        yield from (f"  {_place(frame)}" for frame in data["frames"])
    yield from (f"{link['relation']}: {link['type']}: {link['message']}" for link in data["chain"][1:])
    yield from (f"handled on the way: {each['type']}: {each['message']}" for each in data["handled"])
    for each in data["contrast"]:
        counts = (each["failing"], each["failing_total"], each["passing"], each["passing_total"])
        yield "in common: {}: {}/{} failures, {}/{} successes".format(each["condition"], *counts)
    if (group := data["group"]) is not None:
        span = f"{group['first_seen']} to {group['last_seen']}"
        yield f"seen {counted(group['count'], 'time')}, {span}, {group['state']}"


def _trace(data: Data) -> Iterator[str]:
    yield _request(data["request"])
    for span in data["spans"][:_MOST_SPANS]:
        error = f"  ERROR {span['error']}" if span["error"] else ""
        rows = f"  {counted(len(span['row_changes']), 'row change')}" if span["row_changes"] else ""
        indent = "  " * (span["depth"] + 1)
        yield f"{indent}{span['name']}  {span['duration_ms']:g} ms  span_id {span['span_id']}{rows}{error}"
    if len(data["spans"]) == 1:
        (span,) = data["spans"]
        yield from _named("input", span["input"])
        if "output" in span["recorded"]:
            yield f"output: {shown(span['output'], _LINE)}"
        yield from _rows("data changes", span["row_changes"])
    left = data["total"] - min(len(data["spans"]), _MOST_SPANS)
    if left > 0:
        yield f"… {counted(left, 'more span')}"


def _diff(data: Data) -> Iterator[str]:
    proven = is_proven(data["verdict"], data["given"])
    yield f"{data['verdict']}: {data['summary']}" if proven else data["summary"]
    yield f"before: {_request(data['before'])}"
    yield f"after: {_request(data['after'])}"
    for span in data["spans"]:
        told = span["after"] or span["before"]
        yield f"{span['change']} span {told['name']}"
        for field in span["fields"]:
            yield f"  {field['path']}: {shown(field['before'], 120)} -> {shown(field['after'], 120)}"
    for row in data["rows"]:
        yield f"{row['change']} row change: {_row(row['after'] or row['before'])}"


def _history(data: Data) -> Iterator[str]:
    yield f"{data['table']} {pairs(data['key'], 120)}: {counted(data['total'], 'change')}"
    yield from _rows("newest first", data["changes"])


def _blame(data: Data) -> Iterator[str]:
    yield f"{data['table']} {pairs(data['key'] or {}, 120)}".rstrip()
    for each in data["columns"]:
        where = f"{each['frame']['path']}:{each['frame']['line']}" if each["frame"] else ""
        who = f"req:{each['request_id'][:8]} {each['function'] or ''} {where}".rstrip()
        when = f"{each['at']}  {each['revision'] or ''}".rstrip()
        yield f"  {each['column']} = {shown(each['value'], 80)}  by {who}  {when}"
    yield from _rows("later writes that did not last, or may not have", data["attempts"])
    yield from _rows("rows that changed last", data["rows"])


def _errors(data: Data) -> Iterator[str]:
    if not data["groups"]:
        yield _EMPTY if data["empty"] else "nothing fails"
    for group in data["groups"]:
        yield f"{group['type']}: {group['message']}"
        yield f"  {_place(group['location'])}"
        first = f", since {group['first_revision'][:12]}" if group["first_revision"] else ""
        yield (
            f"  {group['state']}, {counted(group['count'], 'time')}, last {group['last_seen']}{first}, "
            f"req:{group['sample_request_id'][:8]}"
        )
    if (left := data["total"] - len(data["groups"])) > 0:
        yield counted(left, "more group")
    if data["hidden"]:
        yield f"{data['hidden']} resolved or dismissed"


def _doctor(data: Data) -> Iterator[str]:
    for check in data["checks"]:
        yield f"{'ok ' if check['ok'] else 'BAD'} {check['name']}: {check['detail']}"
        if check["mend"]:
            yield f"    {check['mend']}"


def _replay(data: Data) -> Iterator[str]:
    yield (
        f"{len(data['requests'])} asked · {data['passing']} passing · {data['failing']} failing · "
        f"{data['blocked']} blocked · {data['skipped']} skipped · {data['errors']} could not run"
    )
    for each in data["requests"]:
        now, was = (each[name] if each[name] is not None else "-" for name in ("now", "was"))
        yield f"{each['outcome']} req:{each['request_id'][:8]} {each['name']}  {now} <- was {was}"
        yield from (f"  {told}" for told in dict.fromkeys((each["error"], each["reason"], each["mend"])) if told)
        if each["put_back"]:
            yield f"  rows put back in the copy: {each['put_back']}"
        for row in each["not_put_back"]:
            yield f"  not put back: {row_name(row['table'], row['key'])}, {row['reason']}"
    yield f"side effects were off (guard: {data['guard']})" if data["guard"] else "nothing ran"


def _bisect(data: Data) -> Iterator[str]:
    first = data["first_bad"]
    if first is not None:
        yield f"first bad commit: {first['revision']}  {first['subject']}  ({first['author']}, {first['date']})"
    else:
        yield f"no first bad commit: {data['reason']}"
        yield from (f"  maybe {each['revision']}  {each['subject']}" for each in data["among"])
    ends = f"good {', '.join(data['good'])}, bad {data['bad']}"
    yield f"{counted(data['runs'], 'run')} for {counted(data['candidates'], 'commit')}, {ends}"
    for hunk in data["hunks"]:
        yield f"{hunk['path']}:{hunk['line']} in {hunk['function']}"
        yield from (f"  {line}" for line in hunk["diff"].split("\n"))
    yield from data["notes"]


_TELLING: dict[str, Callable[[Data], Iterator[str]]] = {
    "tail": _tail,
    "why": _why,
    "trace": _trace,
    "diff": _diff,
    "history": _history,
    "blame": _blame,
    "errors": _errors,
    "doctor": _doctor,
    "replay": _replay,
    "bisect": _bisect,
}
