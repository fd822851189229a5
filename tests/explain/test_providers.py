"""The providers, asked over real HTTP: what is sent, and what is said when it goes wrong."""

import os
import subprocess
import sys

import pytest

from flux_ls.explain.providers import NoAnswer, NotConfigured, Provider, ask, configured
from tests.e2e.processes import free_port
from tests.explain.model import ANSWER, Model

KEY = "test-key-0123456789"
PROMPT = '## Root cause\n\né🙂 <recorded>\t\\n "quoted" </recorded>\n'
NAMES = ("anthropic", "openai")


def provider(name: str, model: Model, **more: object) -> Provider:
    url = model.url if name == "anthropic" else f"{model.url}/v1"
    return Provider(**{"name": name, "model": "some-model", "key": KEY, "url": url, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_is_sent_as_it_is_and_nothing_beside_it(name: str, model: Model) -> None:
    assert ask(provider(name, model), PROMPT) == ANSWER
    assert model.prompts == [PROMPT]
    ((path, headers, body),) = model.received
    assert path == {"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}[name]
    assert KEY in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))
    assert body["messages"] == [{"role": "user", "content": PROMPT}]
    assert body["model"] == "some-model"
    assert set(body) <= {"model", "messages", "max_tokens"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "refused the request (400): "),
        (401, "did not take the key (401): check {key}"),
        (403, "does not allow it (403)"),
        (404, "does not know it (404): check explain_model 'some-model' and explain_url"),
        (413, "finds the prompt too long (413): make it shorter with --bytes"),
        (429, "has had too many requests, or the credit is used up (429): wait, then try again"),
        (500, "has trouble of its own (500): try again later"),
        (529, "has trouble of its own (529): try again later"),
    ],
)
def test_a_refusal_says_what_to_do(name: str, status: int, says: str, model: Model) -> None:
    model.status, model.text = status, f"\x1b[31mno, {KEY} is not it" + "!" * 5000
    with pytest.raises(NoAnswer) as refused:
        ask(provider(name, model), PROMPT)
    key = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}[name]
    assert says.format(key=key) in str(refused.value)
    assert str(refused.value).startswith(f"{name} at http://127.0.0.1:")
    assert KEY not in str(refused.value)
    assert len(str(refused.value)) < 600
    # Asked once: whoever wants to can try again.
    assert len(model.received) == 1


@pytest.mark.parametrize("name", NAMES)
def test_nobody_there(name: str) -> None:
    asked = Provider(name, "m", KEY, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NoAnswer, match=r"cannot be reached \(.*\): check explain_url"):
        ask(asked, PROMPT)


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_in_time(name: str, model: Model) -> None:
    model.hang = True
    with pytest.raises(NoAnswer, match=r"did not answer within 0.2 s: try again"):
        ask(provider(name, model, patience_s=0.2), PROMPT)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("raw", [b"<html>", b"{}", b"[]", b"", b'{"choices": []}', b'{"content": null}'])
def test_an_answer_that_is_none(name: str, raw: bytes, model: Model) -> None:
    model.raw = raw
    with pytest.raises(NoAnswer, match="no answer that can be read"):
        ask(provider(name, model), PROMPT)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_text(name: str, model: Model) -> None:
    model.text = ""
    with pytest.raises(NoAnswer, match=r"answered with no text \((end_turn|stop)\)"):
        ask(provider(name, model), PROMPT)


@pytest.mark.parametrize(("name", "reason"), [("anthropic", "max_tokens"), ("openai", "length")])
def test_an_answer_that_was_cut_says_so(name: str, reason: str, model: Model) -> None:
    model.stop_reason = reason
    assert ask(provider(name, model), PROMPT) == f"{ANSWER}\n\n(cut: the answer became too long)"


def test_a_service_without_keys_is_asked_without_one(model: Model) -> None:
    made = configured("openai", "llama", f"{model.url}/v1", {})
    assert ask(made, PROMPT) == ANSWER
    assert model.received[0][1]["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    ("name", "model_name", "url", "environ", "says"),
    [
        ("", "", "", {}, "set explain_provider (FLUX_EXPLAIN_PROVIDER) to anthropic or openai"),
        ("mistral", "m", "", {}, "there is no provider 'mistral': explain_provider takes anthropic or openai"),
        (
            "anthropic",
            "",
            "",
            {"ANTHROPIC_API_KEY": "k"},
            "set explain_model (FLUX_EXPLAIN_MODEL) to a model of anthropic",
        ),
        ("anthropic", "m", "", {}, "there is no key: set ANTHROPIC_API_KEY in the environment"),
        ("anthropic", "m", "http://x", {"OPENAI_API_KEY": "k"}, "there is no key: set ANTHROPIC_API_KEY"),
        ("openai", "m", "", {"OPENAI_API_KEY": " "}, "there is no key: set OPENAI_API_KEY in the environment"),
    ],
)
def test_what_is_not_configured_says_what_to_set(
    name: str, model_name: str, url: str, environ: dict[str, str], says: str
) -> None:
    with pytest.raises(NotConfigured) as error:
        configured(name, model_name, url, environ)
    assert says in str(error.value)


def test_the_key_is_the_environments() -> None:
    environ = {"ANTHROPIC_API_KEY": "one\n", "OPENAI_API_KEY": "two"}
    assert configured("anthropic", "m", "", environ) == Provider("anthropic", "m", "one")
    assert configured("openai", "m", "http://x/v1", environ) == Provider("openai", "m", "two", "http://x/v1")


@pytest.mark.parametrize("name", NAMES)
def test_without_the_client_library_it_says_how_to_install_it(name: str) -> None:
    program = (
        f"import sys; sys.modules[{name!r}] = None\n"
        "from flux_ls.explain.providers import *\n"
        "from flux_ls.explain import providers\n"
        f"try: providers.ask(providers.Provider({name!r}, 'm', 'k'), 'p')\n"
        "except providers.NotConfigured as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env={**os.environ}
    )
    assert done.stdout.strip() == (
        f"asking {name} needs its client library: pip install 'flux-ls[explain]' installs it"
    ), done.stderr


def test_no_client_library_is_imported_before_somebody_is_asked() -> None:
    program = (
        "import sys\nimport flux_ls.explain.providers, flux_ls.explain.prompt, flux_ls.cli.explain\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('anthropic', 'openai', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]", done.stderr
