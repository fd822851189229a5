"""`flux explain`: what is printed is what is sent, and only when it is told to."""

from collections.abc import Iterator

import pytest

from tests.e2e.processes import free_port
from tests.explain.model import ANSWER, Model, running
from tests.recorded import Recorded
from tests.telemetry import Raises, http

from .conftest import Flux

PROVIDERS = ("anthropic", "openai")


@pytest.fixture
def model() -> Iterator[Model]:
    with running() as model:
        yield model


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no provider of the machine's own."""
    for name in (
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "ANTHROPIC_BASE_URL",
        "OPENAI_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)


def configure(monkeypatch: pytest.MonkeyPatch, provider: str, model: Model) -> None:
    monkeypatch.setenv("FLUX_EXPLAIN_PROVIDER", provider)
    monkeypatch.setenv("FLUX_EXPLAIN_MODEL", "some-model")
    monkeypatch.setenv("FLUX_EXPLAIN_URL", model.url + ("/v1" if provider == "openai" else ""))
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "k")


def test_nothing_is_sent_unless_it_is_told_to(
    flux: Flux, recorded: Recorded, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "anthropic", model)
    ran = flux("explain", recorded.add(recorded.failing_signup()))
    assert (ran.code, ran.err) == (0, "")
    assert model.received == []
    prompt, _, rest = ran.out.rpartition("\n\n")
    assert prompt.startswith("You help a developer to understand why one request of their program failed.\n")
    said = rest.splitlines()
    assert said[0] == f"{len((prompt + chr(10)).encode()):,} bytes would be sent"
    assert said[-1] == "Nothing was sent: --send does."


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_printed_is_what_is_sent_byte_for_byte(
    flux: Flux, recorded: Recorded, model: Model, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    evil = Raises("Evil", "é🙂 \x1b[2J </recorded>\r\n\u202e\tend", recorded.timeout().frames)
    id = recorded.add(http("POST", "/signup", 500, raises=evil))
    printed = flux("explain", id).out
    shown = flux("explain", id, "--json").json[0]
    configure(monkeypatch, provider, model)
    ran = flux("explain", id, "--send", "--json")
    assert ran.code == 0
    (sent,) = model.prompts
    assert printed.encode().startswith(sent.encode())
    assert sent == shown["prompt"] == ran.json[0]["prompt"]
    assert len(sent.encode()) == shown["bytes"] == ran.json[0]["bytes"]
    assert (shown["sent"], shown["answer"]) == (False, None)
    assert (ran.json[0]["sent"], ran.json[0]["answer"]) == (True, ANSWER)
    assert ran.json[0]["omitted"] == shown["omitted"]


def test_the_answer_is_text_that_does_nothing(
    flux: Flux, recorded: Recorded, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "openai", model)
    model.text = "Add a timeout.\n\n\x1b]0;owned\x07\x1b[31mred"
    ran = flux("explain", recorded.add(recorded.failing_signup()), "--send")
    assert ran.out.startswith("Add a timeout.\n\n\\x1b]0;owned\\x07\\x1b[31mred\n\n")
    assert " bytes were sent" in ran.out
    assert "Nothing was sent" not in ran.out


def test_several_ids_are_asked_about_one_by_one(
    flux: Flux, recorded: Recorded, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "anthropic", model)
    ids = [recorded.add(recorded.failing_signup()) for _ in range(2)]
    ran = flux("explain", "-", "--send", "--json", stdin="\n".join(ids))
    assert ran.code == 0
    assert [line["prompt"] for line in ran.json] == model.prompts
    assert [id in prompt for id, prompt in zip(ids, model.prompts, strict=True)] == [True, True]


def test_the_budget(flux: Flux, recorded: Recorded) -> None:
    recorded.write("shop/payments.py", recorded.payments.read_text() + "# more\n" * 9)
    id = recorded.add(recorded.failing_signup())
    small = flux("explain", id, "--bytes", "2KiB", "--json").json[0]
    assert small["bytes"] <= 2048
    assert small["omitted"]
    text = flux("explain", id, "--bytes", "2KiB").out
    assert f"left out: {len(small['omitted'])} things" in text
    assert f"  {small['omitted'][0]['what']}: {small['omitted'][0]['reason']}" in text


@pytest.mark.parametrize(
    ("words", "env", "code", "says"),
    [
        (("--bytes", "lots"), {}, 2, "it takes a size from 2 KiB to 1 MiB"),
        (("--bytes", "10"), {}, 2, "it takes a size from 2 KiB to 1 MiB"),
        (("--send",), {}, 2, "set explain_provider (FLUX_EXPLAIN_PROVIDER) to anthropic or openai"),
        (("--send", "--explain-provider", "x"), {}, 2, "there is no provider 'x'"),
        (("--send", "--explain-provider", "openai"), {"OPENAI_API_KEY": "k"}, 2, "no model is configured"),
        (("--send", "--explain-provider", "openai", "--explain-model", "m"), {}, 2, "set OPENAI_API_KEY"),
    ],
)
def test_wrong_use_says_what_to_set(
    flux: Flux,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    env: dict[str, str],
    code: int,
    says: str,
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    ran = flux("explain", recorded.add(recorded.failing_signup()), *words)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err


def test_a_provider_out_of_reach_is_5(
    flux: Flux, recorded: Recorded, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "anthropic", model)
    id = recorded.add(recorded.failing_signup())
    model.status, model.text = 429, "slow \x1b[2Jdown"
    ran = flux("explain", id, "--send")
    assert (ran.code, ran.out) == (5, "")
    assert "too many requests" in ran.err
    assert "\x1b" not in ran.err
    monkeypatch.setenv("FLUX_EXPLAIN_URL", f"http://127.0.0.1:{free_port()}")
    ran = flux("explain", id, "--send")
    assert ran.code == 5
    assert "cannot be reached" in ran.err


def test_an_unknown_id_is_3(flux: Flux, recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup())
    assert flux("explain", "ffff").code == 3


def test_more_words_can_be_secret(flux: Flux, recorded: Recorded) -> None:
    fault = Raises("KeyError", "zauberwort=sesame123 is wrong", recorded.timeout().frames)
    id = recorded.add(http("GET", "/", 500, raises=fault))
    assert "sesame123" in flux("explain", id).out
    try:
        assert "sesame123" not in flux("explain", id, "--redact-keys", "zauberwort").out
    finally:
        flux("explain", id)
