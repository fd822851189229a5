"""What many tests start from."""

import gc
import os
import shutil
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.recorded import Recorded

# On a busy machine making the input takes long, and an example longer: neither is a fault.
settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("whole"), max_examples=20)
settings.load_profile("whole")


SLOW = (
    "tests/e2e/",
    "tests/record/outbound/",
    "tests/record/rows/",
    "tests/record/servers/",
    "tests/record/test_distro.py",
    "tests/record/test_providers.py",
    "tests/record/test_sending.py",
    "tests/record/test_started_with.py",
    "tests/record/functions/test_generators.py",
    "tests/record/functions/test_modules.py",
    "tests/record/redaction/test_texts.py",
    "tests/analysis/diff/test_align.py",
    "tests/analysis/diff/test_size.py",
    "tests/analysis/suggestions/test_any_place.py",
    "tests/analysis/suggestions/test_connections.py",
    "tests/bisect/test_bisection.py",
    "tests/bisect/test_full_disk.py",
    "tests/bisect/test_journal.py",
    "tests/bisect/test_untouched.py",
    "tests/cli/test_bug.py",
    "tests/cli/test_explain.py",
    "tests/cli/test_run.py",
    "tests/collector/test_programs.py",
    "tests/explain/test_providers.py",
    "tests/lsp/test_status.py",
    "tests/lsp/test_trust.py",
    "tests/mcp/test_running.py",
    "tests/mcp/test_start.py",
    "tests/mcp/test_tools.py",
    "tests/mcp/test_untrusted.py",
    "tests/replay/test_applications.py",
    "tests/replay/test_course.py",
    "tests/replay/test_databases.py",
    "tests/replay/test_guard.py",
    "tests/source/test_functions.py",
    "tests/source/test_history.py",
    "tests/source/test_language_anchors.py",
    "tests/source/test_oracle.py",
    "tests/test_checkouts.py",
)
"""Tests that start programs, servers and databases, or try a great many examples: quick each, and not together."""


FIRST = ("tests/test_vscode.py",)
"""A test of these runs a program for seconds: as the last one it would run alone."""


ONE_WORKER = (("tests/e2e/test_apps.py", "tests/e2e/test_suggestions.py"), ("tests/e2e/vscode/",))
"""Files that ask about the same runs of the applications, or look at the same window: to start one takes long."""


MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2 << 30


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="leave out what is slow, and try a fifth of hypothesis's examples"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        settings.load_profile("quick")
    # Every commit waits for its disk, unless that is none. Nothing here is about a loss of power.
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES and not _forbids_programs(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _forbids_programs(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # What is made here stays until the end: no collection of garbage need walk through it, now or later.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is not going to run need not be imported: it is half of what the frameworks of the tests cost."""
    if not config.getoption("quick"):
        return None
    path = collection_path.relative_to(config.rootpath).as_posix()
    return True if f"{path}/".startswith(SLOW) or path in SLOW else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        slow = {item for item in items if item.get_closest_marker("slow")}
        config.hook.pytest_deselected(items=[item for item in items if item in slow])
        items[:] = [item for item in items if item not in slow]
    # What takes long comes first, so that no worker is left with it at the end.
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long and not item.nodeid.startswith((*SLOW, *FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """As `--dist loadfile` does it, and files that share more than most are with one worker."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return next((group[0] for group in ONE_WORKER if file.startswith(group)), file)

    return Scheduling(config, log)


# A shell that runs the tests in the background makes them ignore SIGINT, and so would every service they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A project with a store; nothing is recorded yet."""
    return Recorded(tmp_path)
