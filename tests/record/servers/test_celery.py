"""Celery: what goes into a task and what comes out, where it runs and where it is published."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from opentelemetry.instrumentation.celery import CeleryInstrumentor

from flux_ls.record import servers
from flux_ls.record.opened import open_recording
from tests.e2e.processes import Process
from tests.record.programs import as_flux_run_does, clean_environment, program, run
from tests.record.receiver import Receiver, eventually
from tests.record.sent import Sent, recorder


@pytest.fixture(params=["instrumented", "alone"])
def sent(request: pytest.FixtureRequest) -> Iterator[Sent]:
    with recorder(servers) as sent:
        if request.param == "alone":
            yield sent
            return
        instrumentor = CeleryInstrumentor()
        instrumentor.instrument(tracer_provider=sent.provider)
        try:
            yield sent
        finally:
            instrumentor.uninstrument()


@pytest.fixture
def app() -> Celery:
    app = Celery("mailing", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.task_always_eager = True

    @app.task(name="welcome")
    def welcome(email: str, plan: str = "free", *, password: str = "") -> dict[str, str]:
        return {"to": email}

    @app.task(name="fails")
    def fails(order: dict[str, Any]) -> int:
        number = 7
        return order["total"] * number

    @app.task(name="again", bind=True, max_retries=1)
    def again(self: Any, order: int) -> str:
        if self.request.retries == 0:
            raise self.retry(exc=ValueError("not yet"), countdown=0)
        return "done"

    return app


def test_a_task_with_its_arguments_and_its_result(sent: Sent, app: Celery) -> None:
    app.tasks["welcome"].apply_async(("ada@example.org", "pro"), {"password": "hunter2"})
    task = sent.one(kind="consumer")
    assert task.input == {"email": "ada@example.org", "plan": "pro", "password": "[redacted]"}
    assert task.output == {"to": "ada@example.org"}
    assert task.attributes["code.function.name"].endswith("welcome")
    assert "hunter2" not in str(sent.spans)
    assert not sent.failed


def test_a_task_that_fails(sent: Sent, app: Celery) -> None:
    app.tasks["fails"].apply_async(({"items": []},))
    task = sent.one(kind="consumer")
    assert task.output is None
    assert task.error is not None
    assert [each["exception.type"] for each in task.exceptions] == ["KeyError"]
    told = [span.locals for span in sent.spans if span.locals]
    assert told[0][-1]["locals"]["number"] == 7
    assert sent.failed == {task.trace_id}


def test_a_task_that_is_tried_again(sent: Sent, app: Celery) -> None:
    app.tasks["again"].apply_async((1,))
    tasks = [span for span in sent.spans if span.kind == "consumer"]
    assert [task.input for task in tasks] == [{"order": 1}, {"order": 1}]
    assert [task.output for task in tasks if task.output] == ["done"]


def test_inside_a_request(sent: Sent, app: Celery) -> None:
    opened = open_recording("a request")
    app.tasks["welcome"].delay("ada@example.org")
    opened.close()
    (root,) = sent.roots
    task = sent.one(kind="consumer")
    assert task.trace_id == root.trace_id
    assert task.input == {"email": "ada@example.org"}


def test_what_is_published(sent: Sent, app: Celery) -> None:
    app.conf.task_always_eager = False
    opened = open_recording("a request")
    app.tasks["welcome"].delay("ada@example.org", plan="pro")
    app.send_task("elsewhere", ("x", 2), {"token": "abc"})
    opened.close()
    first, second = sorted((span for span in sent.spans if span.kind == "producer"), key=lambda span: span.start_ns)
    assert first.input == {"email": "ada@example.org", "plan": "pro"}
    assert second.input == {"args[0]": "x", "args[1]": 2, "token": "[redacted]"}


WORKER = """
    import os
    from celery import Celery

    folder = os.environ["SPOOL"]
    app = Celery("mailing", broker="filesystem://")
    folders = ("data_folder_in", "data_folder_out", "processed_folder")
    app.conf.broker_transport_options = dict.fromkeys(folders, folder)

    @app.task(name="total")
    def total(order, factor=1):
        return order["cents"] * factor
"""
PUBLISH = """
    import sys
    from mailing import total

    total.delay({"cents": 7}, factor=6)
    total.delay({})
"""


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["solo", "prefork", "threads"])
def test_a_worker(pool: str, tmp_path: Path) -> None:
    program(tmp_path, WORKER, "mailing.py")
    publish = program(tmp_path, PUBLISH, "publish.py")
    spool = tmp_path / "spool"
    spool.mkdir()
    argv = [str(Path(sys.executable).parent / "celery"), "-A", "mailing", "worker", "--pool", pool, "-c", "1"]
    argv += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint) | {"SPOOL": str(spool)}
        assert run([sys.executable, str(publish)], tmp_path, env).code == 0
        with Process(argv, cwd=tmp_path, env=clean_environment() | env, log=tmp_path / "log") as process:
            eventually(
                lambda: len([got for got in receiver.spans if got.span["kind"] == 5]) == 2,
                lambda: (tmp_path / "log").read_text(),
            )
            process.stop(15)
        good, bad = sorted(
            (got for got in receiver.spans if got.span["kind"] == 5), key=lambda got: "status" in got.span
        )
        published = [got for got in receiver.spans if got.span["kind"] == 4]
        roots = [got for got in receiver.spans if "parentSpanId" not in got.span]
    assert good.attributes["flux.input"] == '{"order":{"cents":7},"factor":6}'
    assert good.attributes["flux.output"] == "42"
    assert bad.attributes["flux.input"] == '{"order":{}}'
    assert bad.span["status"]["code"] == 2
    assert {got.attributes["flux.input"] for got in published} == {
        '{"order":{"cents":7},"factor":6}',
        '{"order":{}}',
    }
    # One request: the program that has published, with both tasks in it.
    assert [got.name.endswith("publish.py") for got in roots] == [True]
