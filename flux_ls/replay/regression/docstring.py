"""What a generated test says of itself: the request that it is of, and what is to be filled in."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from flux_ls.record import wire
from flux_ls.replay.literals import WIDTH
from flux_ls.replay.regression.blanks import Blank
from flux_ls.replay.shapes import Recording

_LONGEST_TOLD = 160


def docstring(recording: Recording, failure: str | None, blanks: Sequence[Blank], *database: str) -> Iterator[str]:
    """`database` is sentences of their own, each of a paragraph."""
    request = recording.request
    what = _told(f"{request.method} {request.path or request.name}", 50)
    yield f'"""{what} as it was recorded, sent again.'
    yield ""
    at = datetime.fromtimestamp(request.started_ns / 1e9, UTC)
    ended = f"was answered {request.status}" if request.status is not None else "had no answer"
    if failure is not None:
        ended += f" ({_told(failure, _LONGEST_TOLD)})"
    yield from _wrapped(f"req:{request.short_id} of {at:%Y-%m-%d %H:%M} UTC {ended}.")
    if recording.calls:
        yield from _wrapped("Calls to other services are answered as they were recorded then: see CALLS.")
    for sentence in database:
        yield from _wrapped(_told(sentence, 4 * WIDTH))
    if blanks:
        yield ""
        yield from _wrapped(
            "Fill in: what was redacted in the recording is a fixture here, with no value of use until you give it one."
        )
        for blank in blanks:
            yield from _wrapped(f"- {blank.fixture}: the {blank.what} {_told(blank.name, 60)}", "  ")
    lacking = [call for call in recording.calls if call.lacking]
    if lacking:
        yield ""
        yield from _wrapped("Fill in the bodies of these answers in CALLS, which were not recorded whole:")
        for call in lacking:
            yield from _wrapped(f"- {_told(f'{call.method} {call.url}', 100)}: {_told(call.lacking, 100)}", "  ")
    if wire.REDACTED.encode() in b"".join(call.body for call in recording.calls):
        yield ""
        yield from _wrapped(f"In CALLS, {wire.REDACTED} stands where the answers held secrets.")
    yield '"""'


def _told(value: str, limit: int) -> str:
    """Fit for a docstring: nothing that ends it, nothing that cannot be seen."""
    shown = "".join(char if char.isprintable() else " " for char in value)
    shown = " ".join(shown.replace("\\", "/").replace('"', "'").split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _wrapped(sentence: str, indent: str = "") -> list[str]:
    return textwrap.wrap(sentence, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
