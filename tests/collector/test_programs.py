"""Programs that a collector was told of keep it from leaving."""

import os
import subprocess
import sys
from pathlib import Path

from flux_ls.collector.daemon import watch_program
from flux_ls.collector.found import health
from flux_ls.config import Settings
from flux_ls.processes import alive
from tests.collector.processes import Clock, Serving, until
from tests.e2e.processes import free_port


def test_which_programs_run() -> None:
    assert alive(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not alive(child.pid)


def test_it_stays_until_the_program_has_ended(tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "flux.db", otlp_http_port=free_port(), otlp_grpc_port=0)
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    clock = Clock(tmp_path)
    with Serving(settings, *clock.leaving_after(0.3)) as serving:
        collector = serving.ready()
        assert watch_program(collector, program.pid)
        clock.go_on(10)
        assert health(collector.http_port, program=program.pid) is not None
        for _ in range(3):
            try:
                serving.process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError("it has left")
        program.communicate(b"\n")
        clock.go_on(1)
        until(lambda: serving.process.poll() is not None)
