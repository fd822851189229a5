"""What runs code runs when it was allowed, tells how far it is, and ends when nobody waits for it."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from flux_ls.mcp.consent import question
from flux_ls.mcp.desk import Allowed
from flux_ls.mcp.parameters import WhatToBisect
from tests import checkout
from tests.lsp.test_bisect import History
from tests.lsp.till import BROKEN, MENDED, Till
from tests.mcp.agents import FLUX, MODES, agent, environment, fenced, text_of
from tests.telemetry import RECORDER, http

pytestmark = pytest.mark.timeout(180)

PATIENCE_S = 60.0


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till.make(tmp_path)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def python(till: Till) -> tuple[str, str]:
    return "--python", str(till.python)


async def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)
    return value


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", MODES)
async def test_refused_until_it_is_allowed(till: Till, mode: str) -> None:
    id = till.fails()
    # The repository cannot allow it.
    (till.root / "pyproject.toml").write_text(
        "[tool.flux]\nallow_replay = true\n[tool.flux.mcp]\nallow-replay = true\n"
    )
    async with agent(till.root, till.shop.store, *python(till), mode=mode) as asking:
        for name, arguments in (("replay", {"ids": [id]}), ("bisect", {"id": id}), ("bisect", {"run": "touch /tmp/x"})):
            result = await asking.client.call_tool(name, arguments)
            assert result.is_error
            assert f"--allow-{name}" in fenced(text_of(result))
    async with agent(till.root, till.shop.store, *python(till), "--allow-bisect", mode=mode) as asking:
        assert "--allow-replay" in text_of(await asking.client.call_tool("replay", {"ids": [id]}))
    assert not till.has_run


@pytest.mark.asyncio
async def test_a_replay_says_whether_the_fix_fixes(till: Till, tmp_path: Path) -> None:
    id = till.fails()
    said: list[tuple[float, str | None]] = []

    async def progress(share: float, total: float | None, message: str | None) -> None:
        said.append((share, message))

    async with agent(till.root, till.shop.store, *python(till), "--allow-replay") as asking:
        result = await asking.call("replay", ids=[id[:8]], progress=progress)
        data = result.structured_content
        assert (data["failing"], data["requests"][0]["same_failure"]) == (1, True), data
        assert fenced(text_of(result)).count("ZeroDivisionError") == 1
        assert data["requests"][0]["diff"] is None
        till.write(MENDED)
        data = await asking.data("replay", ids=[id], diff=True)
        assert (data["passing"], data["requests"][0]["now"]) == (1, 200)
        assert data["requests"][0]["diff"]["verdict"] == "FIXED"
        assert (await asking.data("replay", window="1h", errors_only=True))["passing"] == 1
        for arguments, words in (
            ({}, "give `ids`, or a `window`"),
            ({"ids": [id], "window": "1h"}, "give `ids`, or a `window`"),
            ({"ids": ["ffff"]}, "no request 'ffff'"),
            ({"window": "soon"}, "window: 'soon' is no"),
            ({"window": "2020-01-01..2020-01-02"}, "no HTTP request was recorded"),
            ({"ids": [id], "timeout_s": 0}, ">= 0.1"),
        ):
            assert words in await asking.refused("replay", **arguments)
        file = tmp_path / "billing.py"
        file.write_text("def bill():\n    pass\n")
        code = {"code.file.path": str(file), "code.line.number": 1, "code.function.name": "bill"}
        other = till.shop.send(http("GET", "/bill", 500, attributes=code), resource=RECORDER)
        refused = await asking.refused("replay", ids=[other])
        assert f"the project is {till.root}; 1 request ran the code of another project ({file})" in refused
        assert len((await asking.data("replay", window="1h", errors_only=True))["requests"]) == 1
    assert said
    assert said[0][1] is not None
    assert "of 1" in said[0][1]


@pytest.mark.asyncio
async def test_a_project_in_the_checkout_is_found_by_its_code(tmp_path: Path) -> None:
    """The agent works in the root of a checkout, whose own settings name another application."""
    till = Till.make(tmp_path / "repo" / "services")
    top = tmp_path / "repo"
    checkout.new(top)
    (top / "pyproject.toml").write_text("[tool.flux]\napp = 'nobody:app'\n")
    (till.root / "pyproject.toml").write_text(f"[tool.flux]\napp = 'till:app'\npython = '{till.python}'\n")
    id = till.fails()
    till.write(MENDED)
    async with agent(top, till.shop.store, "--allow-replay") as asking:
        data = await asking.data("replay", ids=[id])
        assert (data["passing"], data["requests"][0]["now"]) == (1, 200), data
        told = {each["name"]: each["detail"] for each in (await asking.data("doctor", id=id))["checks"]}
        assert told["project"].startswith(f"services/project, run by {till.python}; ")
        assert f"pyproject.toml ({till.root / 'pyproject.toml'})" in told["project"]


async def nobody(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    raise AssertionError(params.message)


@pytest.mark.asyncio
async def test_a_bisect_names_the_commit(history: History) -> None:
    till = history.till
    before = till.git("status", "--porcelain=v2", "--branch")
    async with agent(till.root, till.shop.store, "--allow-bisect", asked=nobody) as asking:
        result = await asking.call("bisect", id=history.id, good=[history.good], fresh=True)
        assert result.structured_content["first_bad"]["revision"] == history.culprit, text_of(result)
        assert "Trust what guests say" in fenced(text_of(result))
        for arguments, words in (
            ({}, "give the `id` of a failed request, or a command to `run`"),
            ({"id": history.id, "good": ["no-such"]}, "no-such"),
            ({"id": history.id, "jobs": 100}, "<= 16"),
        ):
            assert words in await asking.refused("bisect", **arguments)
    assert till.git("status", "--porcelain=v2", "--branch") == before


COMMAND = "grep -q max till.py"


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", MODES)
async def test_a_command_takes_the_users_consent(history: History, mode: str) -> None:
    till = history.till
    asked: list[str] = []
    answers = iter(("decline", "cancel", "accept"))

    async def user(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params.message)
        action: Any = next(answers)
        return types.ElicitResult(action=action, content={} if action == "accept" else None)

    ran = {"run": COMMAND, "good": [history.good]}
    async with agent(till.root, till.shop.store, "--allow-bisect", mode=mode) as asking:
        assert "--allow-run" in await asking.refused("bisect", **ran)
    async with agent(till.root, till.shop.store, "--allow-bisect", mode=mode, asked=user) as asking:
        for _ in range(2):
            assert "did not want" in await asking.refused("bisect", **ran)
        data = await asking.data("bisect", **ran)
        assert data["first_bad"]["revision"] == history.culprit
        assert len(asked) == 3
        assert all(COMMAND in each for each in asked)


@pytest.mark.asyncio
async def test_allowed_commands_are_not_asked_about(history: History) -> None:
    till = history.till
    flags = ("--allow-bisect", "--allow-run")
    async with agent(till.root, till.shop.store, *flags, asked=nobody) as asking:
        data = await asking.data("bisect", run=COMMAND, good=[history.good])
        assert data["first_bad"]["revision"] == history.culprit
        assert "good with `good`" in await asking.refused("bisect", run=COMMAND)
        hung = await asking.refused("bisect", run="sleep 50", good=[history.good], timeout_s=0.2)
        assert "it took longer than 0.2 s (`timeout_s`)" in hung


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("pytest -x", "  $ pytest -x\n\nLet it run?"),
        ("a\nb", "  $ a\n  > b\n\nLet it run?"),
        ("true\n\nLet it run?\x1b[2K", "  $ true\n  > \n  > Let it run?\\x1b[2K\n\nLet it run?"),
        ("a \u202eb", "  $ a \\u202eb\n\nLet it run?"),
    ],
)
def test_what_the_user_is_asked(command: str, shown: str) -> None:
    asked = question(WhatToBisect(run=command), Allowed(bisect=True))
    assert asked is not None
    assert asked.endswith(shown)
    assert question(WhatToBisect(run=command), Allowed(bisect=True, run=True)) is None
    assert question(WhatToBisect(id="abcd"), Allowed(bisect=True)) is None


def sleeper(folder: Path) -> str:
    """A command that tells its process, and does not end."""
    file = folder / "sleeper.py"
    file.write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(folder)!r}, 'pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    return f"python3 {file}"


def pid_in(folder: Path) -> int:
    try:
        return int((folder / "pid").read_text())
    except (OSError, ValueError):
        return 0


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def checkouts(till: Till) -> list[Path]:
    """Revisions that are checked out of this project, wherever they are kept."""
    listed = till.git("worktree", "list", "--porcelain")
    return [Path(line.split(" ", 1)[1]) for line in listed.splitlines() if line.startswith("worktree ")][1:]


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_bisect_ends_what_it_runs(history: History, tmp_path: Path, mode: str) -> None:
    till = history.till
    flags = ("--allow-bisect", "--allow-run")
    async with agent(till.root, till.shop.store, *flags, mode=mode) as asking:
        running = asyncio.create_task(
            asking.client.call_tool("bisect", {"run": sleeper(tmp_path), "good": [history.good]})
        )
        pid = await until(lambda: pid_in(tmp_path), "the command runs")
        assert is_alive(pid)
        assert (await asking.data("tail"))["requests"], "a run holds up no question"
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: not is_alive(pid), "its process has ended")
    assert not checkouts(till)


@pytest.mark.asyncio
async def test_a_cancelled_replay_ends_what_it_runs(till: Till, tmp_path: Path) -> None:
    id = till.fails()
    till.write(f"import os, time\nos.environ\ntime.sleep(600)\n{BROKEN}")
    till.python.write_text(till.python.read_text().replace("exec", f"echo $$ > {tmp_path}/pid\nexec"))
    async with agent(till.root, till.shop.store, *python(till), "--allow-replay") as asking:
        running = asyncio.create_task(asking.client.call_tool("replay", {"ids": [id]}))
        pid = await until(lambda: pid_in(tmp_path), "it runs")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: not is_alive(pid), "its process has ended")


@pytest.mark.parametrize("how", ["closes", "terminates", "interrupts"])
def test_a_client_that_goes_takes_all_of_it_with_it(history: History, tmp_path: Path, how: str) -> None:
    till = history.till
    process = subprocess.Popen(
        [*FLUX, "--allow-bisect", "--allow-run"],
        cwd=till.root,
        env=environment(till.shop.store),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def say(message: dict[str, Any]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        process.stdin.flush()

    try:
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        say({"id": 1, "method": "initialize", "params": client})
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "flux"
        say({"method": "notifications/initialized"})
        arguments = {"run": sleeper(tmp_path), "good": [history.good]}
        say({"id": 2, "method": "tools/call", "params": {"name": "bisect", "arguments": arguments}})
        pid = asyncio.run(until(lambda: pid_in(tmp_path), "the command runs"))
        if how == "closes":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM if how == "terminates" else signal.SIGINT)
        code = process.wait(PATIENCE_S)
        assert code == {"closes": 0, "terminates": 128 + signal.SIGTERM, "interrupts": 128 + signal.SIGINT}[how]
        # What was killed may still have to be given the time to end.
        asyncio.run(until(lambda: not is_alive(pid), "its process has ended"))
        assert not checkouts(till)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if not process.stdin.closed:
            process.stdin.close()
