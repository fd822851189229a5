"""`Flux: Ask a model about a failure`: said before it is sent, to whom and how much, and shown what was answered."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator

from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.explain.model import ANSWER, Model, running

SECRET = "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
def model(window: Window) -> Iterator[Model]:
    """A provider on this machine, which the user's settings name."""
    with running() as started:
        window.set("explainProvider", "openai", user=True)
        window.set("explainModel", "some-model", user=True)
        window.set("explainUrl", f"{started.url}/v1", user=True)
        yield started


def asked(shop: Shop, window: Window) -> str:
    """The command, at a failure; its id."""
    id = shop.orders(0, note=f"Bearer {SECRET} 🙂")
    window.failure(id)
    window.text("share =").click()
    window.command("Flux: Ask a model about a failure")
    return id


def dialog(window: Window) -> Locator:
    return window.page.locator(".monaco-dialog-box")


def answer(window: Window, button: str) -> None:
    dialog(window).locator("a.monaco-button", has_text=button).first.click()


def test_it_is_sent_when_the_user_says_so(shop: Shop, window: Window, model: Model) -> None:
    id = asked(shop, window)
    window.expect(dialog(window)).to_contain_text(f"Send what was recorded of req:{id[:8]} to {model.url}/v1?")
    assert model.prompts == []
    answer(window, "Send")
    told = window.page_text("What the model says", *(line.strip("`") for line in ANSWER.splitlines()))
    (prompt,) = model.prompts
    assert "ZeroDivisionError" in prompt
    assert SECRET not in prompt
    assert f"{len(prompt.encode()):,} bytes" in told
    # Asked for again, the prompt is the prompt.
    window.host("void vscode.commands.executeCommand('flux.explain', given[0])", id)
    window.page_text("What a model would be asked", "Nothing was sent.")


def test_what_would_be_sent_can_be_read_first(shop: Shop, window: Window, model: Model) -> None:
    asked(shop, window)
    answer(window, "Show the Prompt")
    told = window.page_text("What a model would be asked")
    assert "Nothing was sent." in told
    assert SECRET not in told
    assert model.prompts == []


def test_a_model_that_takes_long_can_be_called_off(shop: Shop, window: Window, model: Model) -> None:
    model.hang = True
    asked(shop, window)
    answer(window, "Send")
    toast = window.toast("asking the model")
    window.expect(toast).to_contain_text("some-model")
    window.eventually(lambda: model.prompts, "the prompt to be there")
    toast.locator("a, button", has_text="Cancel").click()
    window.expect(toast).to_be_hidden()
    model.let_go.set()
    assert window.host("return vscode.window.tabGroups.all.flatMap((group) => group.tabs).length") == 1


def test_without_a_provider_it_says_what_to_set(shop: Shop, window: Window) -> None:
    asked(shop, window)
    answer(window, "Send")
    toast = window.toast("nobody is configured to be asked")
    toast.locator("a, button", has_text="Open Settings").click()
    window.expect(window.page.locator(".settings-editor")).to_contain_text("Explain Provider")


def test_a_refusal_is_told_in_the_words_of_the_provider(shop: Shop, window: Window, model: Model) -> None:
    model.status, model.text = 401, "no such key"
    asked(shop, window)
    answer(window, "Send")
    window.toast("401").wait_for()
