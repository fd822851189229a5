"""A service of a checkout of several, whose application only its start command names: recorded, and run again from the
root of the checkout.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import checkout
from tests.e2e.collector import FLUX, Collector
from tests.e2e.launch import Hit, Service, ask, launch, recorded
from tests.e2e.processes import eventually, free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WEB = """\
from flask import Flask


def put_together(hundred):
    app = Flask(__name__)

    @app.get("/share/<int:people>")
    def share(people):
        return {"share": int(hundred) // people}

    return app
"""
ASGI = """\
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def share(request):
    people = request.path_params["people"]
    return JSONResponse({"share": 100 // people})


def assemble():
    return Starlette(routes=[Route("/share/{people:int}", share)])
"""
MAIN = """\
import os

from shop.web import put_together


def main():
    served = put_together(100)
    served.run(port=int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
"""
OTHER = "from flask import Flask\n\napp = Flask(__name__)\n"
"""Found by whoever only looks for one."""
COMMANDS = {
    "flask": ("flask", "--app", "shop.web:put_together('100')", "run", "--port", "{port}"),
    "gunicorn": ("gunicorn", "--no-control-socket", "-b", "127.0.0.1:{port}", "shop.web:put_together(100)"),
    "uvicorn": ("uvicorn", "--port", "{port}", "--factory", "shop.asgi:assemble"),
    "python": ("python", "-m", "shop"),
}


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "flux").mkdir()
    with Collector(tmp_path / "flux") as running:
        yield running


@pytest.mark.parametrize("program", COMMANDS)
def test_its_requests_run_again_in_what_it_served(own_collector: Collector, tmp_path: Path, program: str) -> None:
    root = tmp_path / "checkout"
    folder = root / "services" / "shop"
    (folder / "shop").mkdir(parents=True)
    for name, text in (("web", WEB), ("asgi", ASGI), ("__main__", MAIN), ("other", OTHER), ("__init__", "")):
        (folder / "shop" / f"{name}.py").write_text(text)
    (folder / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    (root / "pyproject.toml").write_text("[tool.flux]\nretention_days = 3\n")
    checkout.new(root)
    [port] = free_ports(1)
    service = Service("shop", "shop", COMMANDS[program], env={"PORT": "{port}"})
    with launch(service, folder.parent, recorded(own_collector.environment), tmp_path, {"shop": port}) as process:
        process.listen(port)
        assert b" 500 " in ask(port, Hit("GET", "/share/0", 500)).split(b"\r\n", 1)[0]
        process.stop()

    def arrived() -> list[str]:
        told = own_collector.flux("tail", "--no-follow", "--since", "1h", "--errors-only", cwd=root)
        return [one["id"] for one in told if one["method"] is not None and one["complete"]]

    [id] = eventually(arrived, within=20, what="the request to arrive")

    def replayed() -> dict[str, object]:
        done = subprocess.run(
            [FLUX, "incident", "replay", id, "--python", sys.executable, "--json"],
            cwd=root,
            env=own_collector.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        [answer] = json.loads(done.stdout)["requests"]
        return {name: answer[name] for name in ("outcome", "now", "same_failure")}

    assert replayed() == {"outcome": "failing", "now": 500, "same_failure": True}
    for name, text in (("web", WEB), ("asgi", ASGI)):
        (folder / "shop" / f"{name}.py").write_text(text.replace("// people", "// (people or 1)"))
    assert replayed() == {"outcome": "passing", "now": 200, "same_failure": False}
