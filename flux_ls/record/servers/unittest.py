"""unittest, and Django's test runner, which is made of it: each test is a request of its own."""

import contextvars
import functools
import os
from contextvars import ContextVar
from typing import Any, Final

from flux_ls.record.export import flush
from flux_ls.record.failures import one_line
from flux_ls.record.guard import Guard
from flux_ls.record.patches import Patches
from flux_ls.record.servers import script
from flux_ls.record.servers.raised import without_our_frame
from flux_ls.record.servers.tested import Test
from flux_ls.record.settings import RECORD

_FLUSH_S: Final = 1.0
_RUNNING: Final[ContextVar[tuple[object, Test] | None]] = ContextVar("flux_unittest", default=None)
"""The test case that runs, and what is told of it."""


def install(patches: Patches) -> None:
    """For tests that `flux run` has started, and no others."""
    if os.environ.get(RECORD) == "1":
        patches.when_imported(
            "unittest.case", lambda module: patches.replace(module.TestCase, "run", lambda run: _seen(run, patches))
        )
        patches.when_imported(
            "unittest.async_case",
            lambda module: patches.replace(module.IsolatedAsyncioTestCase, "run", lambda run: _seen(run, patches)),
        )
        # It prepares the database before it calls what unittest would.
        patches.when_imported(
            "django.test.testcases",
            lambda module: patches.replace(module.SimpleTestCase, "__call__", lambda call: _seen(call, patches)),
        )
        patches.when_imported("unittest.result", lambda module: _patch_result(module.TestResult, patches))
        # That of tests in parallel does not tell the one that it is made of.
        patches.when_imported("django.test.runner", lambda module: _patch_result(module.RemoteTestResult, patches))
        patches.when_imported(
            "unittest.suite",
            lambda module: patches.replace(module.TestSuite, "_createClassOrModuleLevelException", _seen_around_tests),
        )


def _patch_result(result: type, patches: Patches) -> None:
    for method in ("addError", "addFailure"):
        patches.replace(result, method, _seen_failure)
    patches.replace(result, "addSubTest", _seen_sub_test)
    patches.replace(result, "addUnexpectedSuccess", _seen_unexpected_success)


def _seen(run: Any, patches: Patches) -> Any:
    """`TestCase.run` and what stands before it: the outermost opens the request."""

    @functools.wraps(run)
    def seen(self: Any, result: Any = None, *args: Any, **kwargs: Any) -> Any:
        running = _RUNNING.get()
        test: Test | None = None
        if patches.active and _is_unittests(result) and (running is None or running[0] is not self):
            with Guard("recording a test"):
                script.served()
                test = _begun(self)
        if test is None:
            try:
                return run(self, result, *args, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise
        token = _RUNNING.set((self, test))
        try:
            with Guard("following an asynchronous test"):
                if hasattr(self, "_asyncioTestContext"):  # made with the test case, long before it runs
                    self._asyncioTestContext = contextvars.copy_context()
            return run(self, result, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            raise
        finally:
            _RUNNING.reset(token)
            test.end()
            _flush_in_a_worker()

    return seen


def _is_unittests(result: object) -> bool:
    """Under pytest it is pytest's own, and pytest's tests are recorded by themselves."""
    from unittest.result import TestResult

    return result is None or isinstance(result, TestResult)


def _begun(case: Any) -> Test:
    kind = type(case)
    return Test(case.id(), f"{kind.__module__}.{kind.__qualname__}", getattr(case, case._testMethodName, None))


def _flush_in_a_worker() -> None:
    """A pool ends its processes without asking them."""
    import multiprocessing

    if multiprocessing.parent_process() is not None:
        flush(_FLUSH_S)


def _of(case: object) -> Test | None:
    """Django's result of tests in parallel is told once more, in the process that has started them."""
    running = _RUNNING.get()
    return running[1] if running is not None and running[0] is case else None


def _seen_failure(add: Any) -> Any:
    @functools.wraps(add)
    def seen(self: Any, test: Any, err: Any, *args: Any, **kwargs: Any) -> Any:
        told = _of(test)
        if told is not None:
            with Guard("reading a test's failure"):
                told.failed(err[1])
        try:
            return add(self, test, err, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            raise

    return seen


def _seen_sub_test(add: Any) -> Any:
    @functools.wraps(add)
    def seen(self: Any, test: Any, subtest: Any, err: Any, *args: Any, **kwargs: Any) -> Any:
        told = _of(test)
        if told is not None and err is not None:
            with Guard("reading a test's failure"):
                told.failed(err[1], f"{one_line(err[1])} {subtest._subDescription()}")
        try:
            return add(self, test, subtest, err, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            raise

    return seen


def _seen_unexpected_success(add: Any) -> Any:
    @functools.wraps(add)
    def seen(self: Any, test: Any, *args: Any, **kwargs: Any) -> Any:
        told = _of(test)
        if told is not None:
            with Guard("reading a test's failure"):
                told.failed(None, "unexpected success")
        try:
            return add(self, test, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            raise

    return seen


def _seen_around_tests(create: Any) -> Any:
    """What fails before a class's or a module's first test, or after its last."""

    @functools.wraps(create)
    def seen(self: Any, result: Any, exc: Any, method_name: str, parent: str, *args: Any, **kwargs: Any) -> Any:
        from unittest.case import SkipTest

        if _is_unittests(result) and not isinstance(exc, SkipTest):
            with Guard("recording what is around tests"):
                script.served()
                test = Test(f"{method_name} ({parent})", parent, None)
                test.failed(exc)
                test.end()
        return create(self, result, exc, method_name, parent, *args, **kwargs)

    return seen
