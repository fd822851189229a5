"""How a recorded process tells that it was started."""

import sys
from pathlib import Path

from tests.record.programs import program, run
from tests.record.receiver import Receiver

WORK = """
    import multiprocessing
    import os
    import sys
    from flux_ls.record import start
    from opentelemetry import trace

    def work(name):
        start(endpoint=os.environ["ENDPOINT"])
        os.environ["FLASK_APP"] = "shop:create_app"
        with trace.get_tracer("x").start_as_current_span(name):
            pass

    if __name__ == "__main__":
        os.chdir("inner")
        work("here")
        os.chdir("/")
        made = multiprocessing.get_context("spawn").Process(target=work, args=("there",))
        made.start()
        made.join()
"""


def test_command_folder_and_the_variables_that_name_an_application(tmp_path: Path) -> None:
    """A worker of multiprocessing tells the command of the program that started it."""
    (tmp_path / "inner").mkdir()
    file = program(tmp_path, WORK)
    with Receiver() as receiver:
        env = {"ENDPOINT": receiver.endpoint, "DJANGO_SETTINGS_MODULE": "shop.settings"}
        ended = run([sys.executable, "-X", "dev", str(file), "--password", "hunter2", "--n=1"], tmp_path, env)
        assert ended.code == 0, ended.err
        (here,), (there,) = receiver.wait_for("here"), receiver.wait_for("there")
    words = [Path(sys.executable).name, str(file), "--password", "[redacted]", "--n=1"]
    for got in (here, there):
        assert [next(iter(each.values())) for each in got.resource["process.command_args"]["values"]] == words
    assert here.resource["process.working_directory"] == str(tmp_path / "inner")
    assert here.resource["flux.process.flask_app"] == "shop:create_app"
    assert here.resource["flux.process.django_settings"] == "shop.settings"


def test_what_the_application_says_of_itself_stays(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    file = program(tmp_path, WORK)
    with Receiver() as receiver:
        env = {"ENDPOINT": receiver.endpoint, "OTEL_RESOURCE_ATTRIBUTES": "process.working_directory=/srv"}
        assert run([sys.executable, str(file)], tmp_path, env).code == 0
        (got,) = receiver.wait_for("here")
    assert got.resource["process.working_directory"] == "/srv"
    assert "flux.process.django_settings" not in got.resource
