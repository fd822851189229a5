"""pytest: each test is a request of its own, which fails when the test does."""

import functools
import os
from collections.abc import Generator
from types import ModuleType
from typing import Any, Final

from flux_ls.record.export import flush
from flux_ls.record.guard import Guard, guarded
from flux_ls.record.patches import Patches
from flux_ls.record.servers.tested import Test
from flux_ls.record.settings import RECORD

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


def _begun(item: Any) -> Test:
    test = Test(item.nodeid, item.nodeid.partition("::")[0], getattr(item, "obj", None))
    with Guard("reading a test's parameters"):
        parameters = getattr(getattr(item, "callspec", None), "params", None)
        if parameters:
            test.given(parameters)
    return test


@guarded
def _reported(test: Test, call: Any, report: Any) -> None:
    """One phase of it has ended."""
    if report.when == "setup":  # of another attempt, too
        test.begin_again()
    if report.failed:
        excinfo = call.excinfo
        if excinfo is None:
            test.failed(None, str(report.longrepr))
        else:
            test.failed(excinfo.value)


def _plugin(module: ModuleType) -> object:
    around = module.hookimpl(hookwrapper=True)

    class Plugin:
        """Sees each test from its first fixture to its last finalizer."""

        test: Test | None = None

        @around  # type: ignore[untyped-decorator]
        def pytest_runtest_protocol(self, item: Any) -> Generator[None]:
            outer, self.test = self.test, None
            with Guard("recording a test"):
                self.test = _begun(item)
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
                    _reported(test, call, outcome.get_result())

        def pytest_unconfigure(self) -> None:
            flush(_FLUSH_S)

    return Plugin()
