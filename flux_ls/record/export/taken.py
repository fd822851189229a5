"""What the sender took out of a recording at one time."""

import msgspec

from flux_ls.record.made import MadeSpan
from flux_ls.record.recording import Ended, Recording, any_secrets, share_secrets
from flux_ls.record.redaction.remembered import gathering
from flux_ls.record.values import Captured
from flux_ls.record.wire import OMITTED_CALLS


class Taken:
    """Spans that ended, and what is to be added to them."""

    __slots__ = ("again", "annotations", "dropped", "failed", "parents", "secrets", "spans", "trace_id")

    def __init__(self, recording: Recording) -> None:
        """Takes what has ended; what other threads add meanwhile stays for the next time."""
        self.trace_id = recording.trace_id
        self.failed = recording.failed
        self.secrets = recording.secrets
        if any_secrets():
            share_secrets(self.trace_id, self.secrets)
        self.parents = recording.parents
        self.again = 0
        """How often the first span was sent before, if it is sent again."""
        count = len(recording.spans)
        self.spans: list[MadeSpan | Ended] = recording.spans[:count]
        del recording.spans[:count]
        self.dropped, recording.dropped = recording.dropped, 0
        self.annotations: dict[int, dict[str, object]] = {}
        if recording.closed and (omitted := recording.take_omitted_calls()):
            text = msgspec.json.encode(omitted).decode()
            recording.annotations.setdefault(recording.root_id, {})[OMITTED_CALLS] = text
        if recording.annotations:
            self._take_annotations(recording)
        if not recording.closed:
            self._look_ahead(recording)

    def _take_annotations(self, recording: Recording) -> None:
        waiting = recording.annotations
        for span in self.spans:
            span_id = span.span_id if isinstance(span, MadeSpan) else span.context.span_id
            if span_id in waiting:
                self.annotations[span_id] = waiting.pop(span_id)
        root, root_id = recording.root, recording.root_id
        if root is None:
            return
        if root_id in self.annotations:
            recording.added_to_root = self.annotations[root_id]
        elif (late := waiting.pop(root_id, None)) is not None:
            # Found out after the first span was sent: it goes again, whole.
            recording.sent_again += 1
            self.again = recording.sent_again
            recording.added_to_root = self.annotations[root_id] = {**recording.added_to_root, **late}
            self.spans.append(root)

    def _look_ahead(self, recording: Recording) -> None:
        """What waits for spans that run still, such as what came in with the request, tells of secrets already."""
        with gathering(self.secrets):
            for waiting in list(recording.annotations.values()):
                for value in list(waiting.values()):
                    if isinstance(value, Captured):
                        _ = value.tree


def span_id_of(span: MadeSpan | Ended) -> int:
    if isinstance(span, MadeSpan):
        return span.span_id
    found: int = span.context.span_id
    return found
