"""Evidence: which spans say that something went wrong, what each of them died of, and which ran in the background."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.chain import in_app, same, told_by_status
from flux_ls.analysis.request import http_status, only_refused
from flux_ls.analysis.tree import Tree
from flux_ls.model import ExceptionRecord, Raised, Span

CLOCK_TOLERANCE_NS = 1_000_000
"""How far apart two readings of one process's clock may be and still mean the same moment."""
SKEW_TOLERANCE_NS = 50_000_000
"""The same for two processes that call each other: servers close their span after the answer has left."""
RECORD_LIMIT = 64
"""Exception records of one span that are looked at: the last ones."""
_NOISE = (" http send", " http receive", " websocket send", " websocket receive")


class Died(Struct, frozen=True):
    """One exception on one span, told by all records of it."""

    raised: Raised
    at_ns: int
    logged: bool
    """Only log records tell of it, so its message may be shortened."""
    certain: bool
    """The records leave no doubt that it ended the span: plain logging and events may tell of handled ones too."""


class Evidence(Struct, frozen=True):
    """The spans that matter for what went wrong, as a tree of their own: most spans of a request do not.

    All indices are positions in the tree. `below` maps a span (the entry included) to the notable spans nearest
    below it, in preorder.
    """

    tree: Tree
    died: dict[int, tuple[Died, ...]]
    """What was recorded on a span: what it died of first."""
    failing: frozenset[int]
    below: dict[int, list[int]]
    walled: frozenset[int]
    """Below a span, since the next notable one above, that answered well: nothing got past that one."""
    settled: frozenset[int]
    """The same for a span that is explicitly ok."""
    background: frozenset[int]
    """Spans that nobody waited for, themselves or a span above them up to the next notable one."""
    detached: tuple[int, ...]
    """The spans that began background work, in preorder."""
    telling: frozenset[int]
    """Spans with a failing span that recorded an exception at or below them."""


def gather(tree: Tree) -> Evidence:
    """Looks at every span once."""
    died: dict[int, tuple[Died, ...]] = {}
    failing: set[int] = set()
    below: dict[int, list[int]] = {0: []}
    walled: set[int] = set()
    settled: set[int] = set()
    background: set[int] = set()
    detached: list[int] = []
    count = len(tree.spans)
    above = [0] * count
    wall, settles, behind = bytearray(count), bytearray(count), bytearray(count)
    for index, span in enumerate(tree.spans):
        parent = tree.parents[index]
        noise = is_noise(span)
        bad = not noise and is_failing(span)
        notable = index == 0 or bad or (bool(span.exceptions) and not noise)
        if bad:
            failing.add(index)
        if span.exceptions and not noise:
            died[index] = recorded(span)
        if parent >= 0:
            above[index] = parent if parent in below else above[parent]
            wall[index], settles[index], behind[index] = wall[parent], settles[parent], behind[parent]
            if parent in below:
                wall[index] = settles[index] = behind[index] = 0
            if is_background(span, tree.spans[parent]):
                behind[index] = 1
                detached.append(index)
        if not notable:
            wall[index] |= span.kind in ("server", "consumer")
            settles[index] |= span.status == "ok"
            continue
        if parent >= 0:
            below[above[index]].append(index)
            below[index] = []
            for flag, flagged in ((wall, walled), (settles, settled), (behind, background)):
                if flag[index]:
                    flagged.add(index)
    return Evidence(
        tree=tree,
        died=died,
        failing=frozenset(failing),
        below=below,
        walled=frozenset(walled),
        settled=frozenset(settled),
        background=frozenset(background),
        detached=tuple(detached),
        telling=_telling(tree, failing, died),
    )


def is_noise(span: Span) -> bool:
    """ASGI's spans of single messages carry the request's status without being where anything happened."""
    return span.name.endswith(_NOISE) or "asgi.event.type" in span.attributes


def is_failing(span: Span) -> bool:
    """Whether the span itself says that it failed; a 4xx answer is a fact about the callee."""
    status = http_status(span)
    if span.status == "error":
        return not only_refused(span)
    if status is not None and status >= 500:
        return True
    return any(record.event_name.endswith(".exception") for record in span.exceptions)


def is_background(span: Span, parent: Span) -> bool:
    """Whether the span ended after its parent, so that the parent cannot have handled its failure.

    Clocks are compared within one process only, but for a server's span and its caller's. A queue's consumer is
    always in the background of its producer.
    """
    if span.kind == "consumer" and (parent.kind == "producer" or not same_process(span, parent)):
        return True
    if span.end_ns <= parent.end_ns:
        return False
    late = span.end_ns - parent.end_ns
    if same_process(span, parent):
        return late > CLOCK_TOLERANCE_NS or span.start_ns - parent.end_ns >= _granularity(span, parent)
    if span.kind == "server" and parent.kind == "client":
        answer = http_status(parent)
        return late > SKEW_TOLERANCE_NS and (answer is None or answer < 500)
    return False


def _granularity(one: Span, other: Span) -> int:
    """How exact two spans' starts are: Node begins its spans on whole milliseconds, but measures how long they last.

    There, a child can seem to begin just after its parent has ended.
    """
    return CLOCK_TOLERANCE_NS if one.start_ns % 1_000_000 == other.start_ns % 1_000_000 == 0 else 0


def same_process(one: Span, other: Span) -> bool:
    return one.resource is other.resource or one.resource == other.resource


def recorded(span: Span) -> tuple[Died, ...]:
    """The exceptions recorded on a span, each once, the one that the span died of first.

    That is the one that the status message tells, else one that instrumentation says went unhandled, else the
    last. Records of the same exception complete each other: the one with in-app frames has the stack, a span
    event has the better type and message.
    """
    groups: list[list[ExceptionRecord]] = []
    records = sorted(span.exceptions, key=lambda record: record.at_ns)[-RECORD_LIMIT:]
    for record in records:
        for group in groups:
            if _same_record(record, group[0]):
                group.append(record)
                break
        else:
            groups.append([record])
    found = [_merged(group, span) for group in groups]
    return tuple(sorted(found, key=lambda died: (not died.certain, -died.at_ns)))


def _same_record(one: ExceptionRecord, other: ExceptionRecord) -> bool:
    return same(one.raised, other.raised, loosely=one.recorded_in != other.recorded_in)


def _merged(group: Sequence[ExceptionRecord], span: Span) -> Died:
    stack = named = group[0]
    if len(group) > 1:
        stack = max(group, key=lambda record: (len(in_app(record.raised)), record.recorded_in == "event"))
        named = max(group, key=lambda record: (record.recorded_in == "event", "." in record.raised.type))
    raised = stack.raised
    if named is not stack and named.raised.type:
        raised = replace(raised, type=named.raised.type, message=named.raised.message)
    certain = any(record.event_name.endswith(".exception") for record in group) or (
        span.status == "error" and told_by_status(span.status_message, raised)
    )
    at_ns = max(record.at_ns for record in group)
    return Died(raised, at_ns, all(record.recorded_in == "log" for record in group), certain)


def _telling(tree: Tree, failing: set[int], died: dict[int, tuple[Died, ...]]) -> frozenset[int]:
    telling: set[int] = set()
    for index in sorted(failing & died.keys(), reverse=True):
        at = index
        while at >= 0 and at not in telling:
            telling.add(at)
            at = tree.parents[at]
    return frozenset(telling)
