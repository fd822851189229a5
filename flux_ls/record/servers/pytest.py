"""pytest: each test is a request of its own, which fails when the test does."""

import functools
import os
from collections.abc import Generator
from types import ModuleType
from typing import Any, Final

from flux_ls.record.export import flush
from flux_ls.record.failures import one_line, sighted
from flux_ls.record.guard import Guard, guarded
from flux_ls.record.patches import Patches
from flux_ls.record.recording import MadeSpan, OpenRecording, open_recording
from flux_ls.record.servers.handlers import code_of
from flux_ls.record.servers.raised import exception_event
from flux_ls.record.settings import RECORD
from flux_ls.record.values import snapshot_items
from flux_ls.record.wire import INPUT, LOCALS

_NAME: Final = "flux-recorder"
_FLUSH_S: Final = 1.0


def install(patches: Patches) -> None:
    """For tests that `flux run` has started, and no others."""
    if os.environ.get(RECORD) == "1":
        patches.when_imported("_pytest.config", lambda module: patch(module, patches))


def patch(module: ModuleType, patches: Patches) -> None:
    """Every configuration that pytest makes gets the plugin; as an entry point it would be named in pytest's output."""

    def seen_get_config(get_config: Any) -> Any:
        @functools.wraps(get_config)
        def seen(*args: Any, **kwargs: Any) -> Any:
            config = get_config(*args, **kwargs)
            with Guard("registering with pytest"):
                if patches.active and not config.pluginmanager.has_plugin(_NAME):
                    config.pluginmanager.register(_plugin(module), _NAME)
            return config

        return seen

    patches.replace(module, "get_config", seen_get_config)


class Test:
    """One test, while it runs."""

    def __init__(self, item: Any) -> None:
        self._error: BaseException | None = None
        self._failed: str | None = None
        self._attributes: dict[str, object] = {
            "test.case.name": item.nodeid,
            "test.suite.name": item.nodeid.partition("::")[0],
            **code_of(getattr(item, "obj", None)),
        }
        self._opened: OpenRecording = open_recording(item.nodeid, attributes=self._attributes)
        with Guard("reading a test's parameters"):
            parameters = getattr(getattr(item, "callspec", None), "params", None)
            if parameters:
                self._attributes[INPUT] = snapshot_items(parameters.items())

    @guarded
    def reported(self, call: Any, report: Any) -> None:
        """One phase of it has ended."""
        if report.when == "setup":  # of another attempt, too
            self._error = self._failed = None
        if not report.failed or self._failed is not None:
            return
        excinfo = call.excinfo
        if excinfo is None:
            self._failed = str(report.longrepr)
            return
        self._error = excinfo.value
        self._failed = one_line(excinfo.value)
        recording = self._opened.recording
        seen = sighted(recording, excinfo.value, recording.root_id)
        if seen.locals is not None:
            recording.annotate(recording.root_id, {LOCALS: seen.locals})

    @guarded
    def end(self) -> None:
        recording = self._opened.recording
        self._attributes["test.case.result.status"] = "pass" if self._failed is None else "fail"
        recording.hold()
        self._opened.close(self._failed)
        if self._error is not None and isinstance(recording.root, MadeSpan):
            recording.root.events.append(exception_event(self._error))
        self._error = None
        recording.release()


def _plugin(module: ModuleType) -> object:
    around = module.hookimpl(hookwrapper=True)

    class Plugin:
        """Sees each test from its first fixture to its last finalizer."""

        test: Test | None = None

        @around  # type: ignore[untyped-decorator]
        def pytest_runtest_protocol(self, item: Any) -> Generator[None]:
            outer, self.test = self.test, None
            with Guard("recording a test"):
                self.test = Test(item)
            test = self.test
            try:
                yield
            finally:
                self.test = outer
                if test is not None:
                    test.end()

        @around  # type: ignore[untyped-decorator]
        def pytest_runtest_makereport(self, call: Any) -> Generator[None, Any]:
            outcome = yield
            test = self.test
            if test is not None:
                with Guard("reading a test's report"):
                    test.reported(call, outcome.get_result())

        def pytest_unconfigure(self) -> None:
            flush(_FLUSH_S)

    return Plugin()
