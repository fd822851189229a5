"""A test as a request of its own, whoever runs it: it fails when the test does."""

from collections.abc import Callable, Mapping

from flux_ls.record.failures import one_line, sighted
from flux_ls.record.guard import guarded
from flux_ls.record.made import MadeEvent, MadeSpan
from flux_ls.record.opened import OpenRecording, open_recording
from flux_ls.record.servers.handlers import code_of
from flux_ls.record.servers.raised import exception_event
from flux_ls.record.values import snapshot_items
from flux_ls.record.wire import INPUT, LOCALS


class Test:
    """One test, while it runs."""

    def __init__(self, name: str, suite: str, function: Callable[..., object] | None) -> None:
        self.verdict: str | None = None
        """What it has failed of, in one line."""
        self._event: MadeEvent | None = None
        self._attributes: dict[str, object] = {
            "test.case.name": name,
            "test.suite.name": suite,
            **code_of(function),
        }
        self._opened: OpenRecording = open_recording(name, attributes=self._attributes)

    def given(self, parameters: Mapping[str, object]) -> None:
        self._attributes[INPUT] = snapshot_items(parameters.items())

    def begin_again(self) -> None:
        """What has failed up to now does not count."""
        self.verdict = self._event = None

    def failed(self, error: BaseException | None, verdict: str | None = None) -> None:
        """The first failure is the one that counts."""
        if self.verdict is not None:
            return
        self.verdict = verdict if verdict is not None or error is None else one_line(error)
        if error is None:
            return
        recording = self._opened.recording
        seen = sighted(recording, error, recording.root_id)
        if seen.locals is not None:
            recording.annotate(recording.root_id, {LOCALS: seen.locals})
        self._event = exception_event(error)

    @guarded
    def end(self) -> None:
        recording = self._opened.recording
        self._attributes["test.case.result.status"] = "pass" if self.verdict is None else "fail"
        recording.hold()
        self._opened.close(self.verdict)
        if self._event is not None and isinstance(recording.root, MadeSpan):
            recording.root.events.append(self._event)
        recording.release()
