"""Completion: commands, options, and the ids of recent requests."""

import os
import subprocess
import sys

import pytest

from tests.recorded import Recorded
from tests.telemetry import http

from .conftest import Flux


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script(flux: Flux, shell: str) -> None:
    ran = flux("completion", shell)
    assert ran.code == 0
    assert f"_FLUX_COMPLETE={shell}_complete" in ran.out


def offered(*words: str, store: str) -> list[str]:
    """What bash is offered for the last of the words."""
    done = subprocess.run(
        [sys.executable, "-m", "flux_ls.cli"],
        env={
            **os.environ,
            "_FLUX_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("flux", *words)),
            "COMP_CWORD": str(len(words)),
            "FLUX_STORE": store,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_commands_and_options(recorded: Recorded) -> None:
    assert offered("t", store=str(recorded.store)) == ["tail", "trace"]
    assert "--errors-only" in offered("tail", "--e", store=str(recorded.store))


def test_ids_of_recent_requests_failed_ones_first(recorded: Recorded) -> None:
    failed = recorded.add(recorded.failing_signup(), trace_id="ab" + "1" * 30, at_ns=10**18)
    fine = recorded.add(http("GET", "/a"), trace_id="ab" + "2" * 30)
    recorded.add(http("GET", "/b"), trace_id="cd" + "3" * 30)
    assert offered("why", "ab", store=str(recorded.store)) == [failed[:8], fine[:8]]
    assert offered("why", "req:ab2", store=str(recorded.store)) == [f"req:{fine[:8]}"]
    assert offered("why", "ab" + "1" * 10, store=str(recorded.store)) == [failed]
    assert offered("why", "zz", store=str(recorded.store)) == []


def test_the_store_is_completed_as_a_file(recorded: Recorded) -> None:
    assert offered("tail", "--store", "/tm", store=str(recorded.store)) == ["/tm"]


def test_without_a_store_nothing_is_offered_and_nothing_is_said(recorded: Recorded) -> None:
    assert offered("why", "ab", store=str(recorded.store)) == []
