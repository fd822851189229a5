"""The corpus of secrets through a real service under `flux run`: nothing of any is kept, answered or logged."""

import socket
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.e2e.collector import FLUX, Collector
from tests.e2e.launch import BIN, clean_environment, recorded
from tests.e2e.processes import Process, eventually, free_ports
from tests.record.redaction.innocents import TEXTS
from tests.record.redaction.secrets import SECRETS, Secret
from tests.record.redaction.test_corpus import parts_of, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SERVICE = '''
"""A service that is careless with secrets in every way there is."""

from flask import Flask, request

from careless import leaks

app = Flask(__name__)


@app.post("/<int:number>")
def careless(number):
    request.get_data()
    leaks.LEAKS[number]()
    return {"number": number}
'''


def leak(number: int, secret: Secret) -> str:
    """The source of a function that has the secret in its hands and fails."""
    name = secret.carrier[0]
    fails = 'raise RuntimeError("failed")'
    if secret.where == "argument" and name.isidentifier():
        taking = f"def take_{number}({name}):\n    {fails}\n\n\n"
        return f"{taking}def leak_{number}():\n    take_{number}(VALUES[{number}])\n"
    if secret.where == "local" and name.isidentifier():
        return f"def leak_{number}():\n    {name} = VALUES[{number}]\n    {fails}\n"
    if secret.where in ("argument", "local"):
        return f"def leak_{number}():\n    take({{{name!r}: VALUES[{number}]}})\n"
    if secret.where in ("parameter", "url", "message"):
        return f"def leak_{number}():\n    raise RuntimeError(VALUES[{number}])\n"
    return f"def leak_{number}():\n    {fails}\n"


def project(folder: Path) -> Path:
    package = folder / "careless"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[tool.flux]\nfunctions = ["careless.*"]\n')
    (package / "__init__.py").write_text("")
    (package / "web.py").write_text(SERVICE)
    parts = [
        "from careless.values import VALUES\n",
        "def take(values):\n    raise RuntimeError('failed')\n",
        *(leak(number, secret) for number, secret in enumerate(SECRETS)),
        f"LEAKS = [{', '.join(f'leak_{number}' for number in range(len(SECRETS)))}]\n",
    ]
    # They come from elsewhere, as secrets do: they are no literals in the source.
    (package / "values.py").write_text(
        "from tests.e2e.test_secrets import value_of\n"
        "from tests.record.redaction.secrets import SECRETS\n\n"
        "VALUES = [value_of(secret) for secret in SECRETS]\n"
    )
    (package / "leaks.py").write_text("\n\n".join(parts))
    return folder


def value_of(secret: Secret) -> object:
    return secret.carrier[1] if secret.where in ("argument", "local") else text_of(secret)


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "flux").mkdir()
    with Collector(tmp_path / "flux") as running:
        yield running


def ask(port: int, number: int, secret: Secret) -> None:
    body, kind, more = b"{}", "application/json", ""
    if secret.where == "body":
        kind, body = secret.carrier
    if secret.where == "header":
        more = "".join(f"{name}: {value}\r\n" for name, value in secret.carrier)
    head = (
        f"POST /{number} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n"
        f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode("latin-1", "replace") + body)
        while connection.recv(65536):
            pass


def test_nothing_of_a_secret_is_kept_answered_or_logged(own_collector: Collector, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    [port] = free_ports(1)
    under = recorded(own_collector.environment)
    argv = under.argv(("flask", "--app", "careless.web", "run", "--port", str(port)))
    environment = clean_environment() | {
        name: value for name, value in own_collector.environment.items() if name.startswith(("FLUX_", "XDG_"))
    }
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with Process([BIN / argv[0], *argv[1:]], cwd=folder, env=environment, log=tmp_path / "app.log") as service:
        service.listen(port)
        for number, secret in enumerate(SECRETS):
            ask(port, number, secret)
        ids = eventually(
            lambda: len(found := request_ids(own_collector, folder)) == len(SECRETS) and found,
            within=20,
            what="every request to arrive",
        )
        service.stop()

    with sqlite3.connect(own_collector.store) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    told = {file.name: file.read_bytes() for file in own_collector.store.parent.rglob("*") if file.is_file()}
    for words in (("why",), ("trace",), ("trace", "debug"), ("explain",)):
        for form in ((), ("--json",)):
            told[" ".join((*words, *form))] = output(own_collector, folder, *words, *form, *ids)
    told["tail"] = output(own_collector, folder, "tail", "--no-follow", "--since", "1h")
    told["errors"] = output(own_collector, folder, "errors")

    # A PIN of four digits stands in any list of times.
    sought = {part: secret for secret in SECRETS if len(secret.secret) >= 6 for part in parts_of(secret.secret)}
    found = [
        (name, sought[part].where, sought[part].secret)
        for name, text in told.items()
        for part in parts_in(text, sought)
    ]
    assert found == []
    assert b"[redacted]" in told["why"]
    assert b"leak_7" in told["why"], "what is no secret is there"


def parts_in(text: bytes, sought: Collection[str]) -> set[str]:
    """Which of the texts stand somewhere in it."""
    found = set()
    by_length: dict[int, set[bytes]] = defaultdict(set)
    for part in sought:
        by_length[len(part.encode())].add(part.encode())
    for length, parts in by_length.items():
        windows = {text[at : at + length] for at in range(len(text) - length + 1)}
        found |= windows & parts
    return {part.decode() for part in found}


def request_ids(collector: Collector, folder: Path) -> list[str]:
    told = collector.flux("tail", "--no-follow", "--since", "1h", cwd=folder)
    return [one["id"] for one in told if one["method"] == "POST" and one["complete"]]


def output(collector: Collector, folder: Path, *words: str) -> bytes:
    done = subprocess.run(
        [FLUX, *words, "--store", str(collector.store)],
        cwd=folder,
        env=collector.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stdout + done.stderr


def test_innocent_texts_stay_as_they_are(own_collector: Collector, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import flux_ls.record\n\n\n@flux_ls.record.span\ndef take(text):\n    return len(text)\n\n\n"
        f"for text in {list(TEXTS)!r}:\n    take(text)\n"
    )
    environment = clean_environment() | {
        name: value for name, value in own_collector.environment.items() if name.startswith(("FLUX_", "XDG_"))
    }
    subprocess.run(
        [FLUX, "run", "--", BIN / "python", script],
        cwd=tmp_path,
        env=environment | {"FLUX_RECORD_CALLS": "1000"},
        check=True,
        timeout=60,
    )
    [run] = eventually(
        lambda: [
            one for one in own_collector.flux("tail", "--no-follow", "--since", "1h", cwd=tmp_path) if one["complete"]
        ],
        within=10,
        what="the run to arrive",
    )
    [trace] = own_collector.flux("trace", run["id"], cwd=tmp_path)
    assert [span["input"]["text"] for span in trace["spans"] if span["name"] == "take"] == list(TEXTS)
