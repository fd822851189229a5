"""Applications that are run ahead of the tests that ask about them."""

import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import pytest

from tests.e2e import node
from tests.e2e.launch import BIN, Application, Endpoint, Service, exporting, run


def unavailable(reason: str) -> NoReturn:
    """Skips the test; where everything has to be installed it fails."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def missing(application: Application) -> str | None:
    """What this machine lacks to run the application."""
    installed = {entry.name for entry in entry_points(group="opentelemetry_instrumentor")}
    services: list[Service] = [*application.services, *(job for job, _ in application.jobs)]
    for service in services:
        program = service.argv[0]
        if shutil.which(program, path=f"{BIN}{os.pathsep}{os.environ['PATH']}") is None:
            return f"{program} is not installed (the apps dependency group has it)"
        if absent := {*service.instrumented} - installed:
            return f"opentelemetry-instrumentation-{min(absent)} is not installed (the apps dependency group has it)"
        if program == "node" and (reason := node.install(service.folder)) is not None:
            return reason
    return None


class Runs:
    """Runs of applications, a few at a time, each once."""

    def __init__(self, projects: Path, endpoint: Endpoint, scratch: Path, workers: int) -> None:
        self.projects = projects
        self.endpoint = endpoint
        self.scratch = scratch
        self.pool = ThreadPoolExecutor(workers)
        self.begun: dict[str, Future[str | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)

    def begin(self, application: Application) -> None:
        if application.name not in self.begun:
            self.begun[application.name] = self.pool.submit(self._run, application)

    def finished(self, application: Application) -> None:
        """Waits until the application has run and all its telemetry is stored."""
        self.begin(application)
        if (reason := self.begun[application.name].result(timeout=200)) is not None:
            unavailable(reason)

    def folder(self, application: Application) -> Path:
        return self.scratch / application.name

    def _run(self, application: Application) -> str | None:
        if (reason := missing(application)) is not None:
            return reason
        folder = self.folder(application)
        folder.mkdir()
        run(application, self.projects, exporting(self.endpoint), folder)
        return None
