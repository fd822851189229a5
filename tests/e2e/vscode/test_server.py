"""The life of the server as a user sees it: crashes, settings, interpreters, a broken collector or store."""

import os
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.e2e.launch import BIN
from tests.e2e.processes import free_ports
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.test_hints import hint
from tests.e2e.vscode.window import Window

PID = "return flux.server.client?.serverProcess?.pid"
CANDIDATE = "return flux.server.life.candidate?.source"


def script(file: Path, body: str) -> Path:
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def test_a_server_that_dies_is_started_again_and_nothing_is_lost(shop: Shop, window: Window) -> None:
    shop.fails()
    window.eventually(lambda: hint(window, "share ="), "the hint")
    # Not saved: what the new server is told must be what is on the screen.
    window.text('"""Splits a bill."""').click()
    window.in_code()
    window.page.keyboard.press("Home")
    window.page.keyboard.type("# first\n# second\n")
    before = window.host(PID)
    os.kill(before, signal.SIGKILL)
    window.eventually(lambda: window.life() == "running" and window.host(PID) not in (None, before), "another server")
    lines = "return vscode.languages.getDiagnostics(vscode.Uri.file(given[0])).map((each) => each.range.start.line + 1)"
    window.eventually(lambda: window.host(lines, str(shop.checkout)) == [7], "the diagnostic again")
    window.eventually(lambda: hint(window, "share ="), "the hint again")
    assert "unverified" not in hint(window, "share =")
    shop.fails()
    window.lens("2 failures · last").wait_for()
    assert window.page.locator(".notification-toast").count() == 0


def servers(window: Window) -> list[str]:
    """The processes that the extension host has started of ours."""
    host = str(window.host("return process.pid"))
    told = subprocess.run(["pgrep", "-P", host, "-f", "flux.ls"], capture_output=True, text=True, check=False)
    return told.stdout.split()


def test_asked_to_start_anew_again_and_again_there_is_one(shop: Shop, window: Window) -> None:
    window.host("for (let count = 0; count < 5; count++) void flux.server.restart('a test')")
    window.host("await flux.server.restart('the last')", within=90)
    assert window.life() == "running"
    window.eventually(lambda: servers(window) == [str(window.host(PID))], "one server")
    shop.fails()
    window.lens("1 failure · last").wait_for()


def test_one_that_dies_again_and_again_is_given_up_and_can_be_started(
    shop: Shop, window: Window, tmp_path: Path
) -> None:
    count = tmp_path / "starts"
    server = script(tmp_path / "flux-ls", f'test "$1" = --version && exec echo flux-ls 0.1.0\necho once >>"{count}"')
    window.set("server.path", str(server), user=True)
    window.toast("The server ended again and again.").wait_for()
    window.status_item("Flux: no server").wait_for()
    assert count.read_text().count("once") == 6
    window.set("server.path", None, user=True)
    window.ready()
    shop.fails()
    window.lens("1 failure · last").wait_for()


def test_a_setting_that_names_no_server_is_told_with_its_mend(shop: Shop, window: Window, tmp_path: Path) -> None:
    named = tmp_path / "flux-ls"
    bodies = {
        "": f"flux.server.path: there is no {named}",
        "echo flux-ls 0.0.1": "which is too old for this extension",
        "echo no such library >&2; exit 1": "does not run: no such library",
    }
    for body, words in bodies.items():
        if body:
            script(named, body)
            window.set("server.path", None, user=True)
        window.set("server.path", str(named), user=True)
        window.toast(words).wait_for()
    window.status_item("Flux: no server").wait_for()
    window.toast(words).locator("a, button", has_text="Open Settings").click()
    window.expect(window.page.locator(".settings-editor")).to_contain_text("Server: Path")
    window.set("server.path", str(BIN / "flux-ls"), user=True)
    window.ready()
    assert window.host(CANDIDATE) == "setting"


def test_the_selected_interpreter_is_asked_and_followed(shop: Shop, window: Window, tmp_path: Path) -> None:
    select = "(await vscode.extensions.getExtension('ms-python.python').activate()).select(given[0])"
    assert window.host(CANDIDATE) == "path"
    before = window.host(PID)
    window.host(select, str(BIN / "python"))
    window.eventually(lambda: window.host(CANDIDATE) == "interpreter" and window.life() == "running", "its server")
    window.eventually(lambda: window.host(PID) not in (None, before), "another process")
    # One without Flux is no reason to have none.
    without = script(tmp_path / "python", "echo python: No module named flux_ls >&2; exit 1")
    window.host(select, str(without))
    window.eventually(lambda: window.host(CANDIDATE) == "path" and window.life() == "running", "the server of PATH")
    window.host(select, "")
    shop.fails()
    window.lens("1 failure · last").wait_for()


def test_settings_that_nobody_set_leave_those_of_the_project_alone(shop: Shop, window: Window) -> None:
    """The editor comes before pyproject.toml: its defaults, which nobody chose, must not."""
    project = shop.folder / "pyproject.toml"
    project.write_text(project.read_text() + "\n[tool.flux]\nhints_per_file = 1\n")
    window.host("await flux.server.restart('a test')")
    window.ready()
    shop.fails()
    shop.fails("get_greeting({})", path="/greeting")
    said = "1 more hint left out, flux.hintsPerFile is 1"
    window.eventually(
        lambda: any(hint(window, line).endswith(said) for line in ("share =", "Hello")), "the project's setting"
    )
    window.set("hintsPerFile", 5)
    window.eventually(lambda: all(hint(window, line) for line in ("share =", "Hello")), "both hints")


def test_a_collector_that_dies_is_said_and_started_again(shop: Shop, window: Window) -> None:
    (port,) = free_ports(1)
    for name, value in {"otlpHttpPort": port, "otlpGrpcPort": 0, "idleExit": 60}.items():
        window.set(name, value)
    window.set("collector", True)
    collector = "return flux.status?.collector"

    def runs(but: int | None = None) -> Any:
        told = window.host(collector)
        return told and told["state"] == "running" and told["pid"] != but and told

    first = window.eventually(runs, "a collector")
    try:
        assert first["http_port"] == port
        window.status_item("Flux").click()
        window.eventually(lambda: f"listens for OTLP on {port}" in " ".join(window.quick_picks()), "what is connected")
        window.page.keyboard.press("Escape")
        os.kill(first["pid"], signal.SIGKILL)
        second = window.eventually(lambda: runs(first["pid"]), "another collector")
    finally:
        window.set("collector", False)
    os.kill(second["pid"], signal.SIGTERM)


def test_a_port_that_is_taken_is_said_with_its_mend(shop: Shop, window: Window) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        window.set("otlpGrpcPort", 0)
        window.set("otlpHttpPort", port)
        window.set("collector", True)
        toast = window.toast(f"port {port} is taken by another program")
        toast.wait_for()
        window.expect(toast).to_contain_text("flux.otlpHttpPort")
        window.status_item("Flux: collector").wait_for()
        toast.locator("a, button", has_text="Why Is Nothing Here?").click()
        window.page_text("Why is nothing here", f"port {port} is taken")
    # What is recorded is shown all the same.
    shop.fails()
    window.open(shop.checkout)
    window.lens("1 failure · last").wait_for()


def test_a_store_of_a_newer_version_is_said_with_its_mend(shop: Shop, window: Window) -> None:
    window.failure(shop.fails())
    with closing(sqlite3.connect(shop.store)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.commit()
    window.host("await flux.server.restart('a test')")
    toast = window.toast("was written by a newer version of flux")
    toast.wait_for()
    window.status_item("Flux: store").wait_for()
    window.command("Flux: Why did this fail?")
    window.eventually(lambda: window.page.locator(".notification-toast", has_text="newer version").count() > 0, "it")
    window.page.keyboard.press("Escape")
