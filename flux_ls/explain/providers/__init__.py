"""Who can be asked: each through its own client library, which is imported when it is asked and not before."""

from collections.abc import Mapping

from msgspec import Struct

PROVIDERS = ("anthropic", "openai")
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
PATIENCE_S = 180.0
LONGEST_ANSWER = 4096
"""Tokens."""


class NotConfigured(Exception):
    """Nobody can be asked until something is set or installed; the message says what."""


class NoAnswer(Exception):
    """The provider was asked and did not answer; the message says why, and what to do."""


class Provider(Struct, frozen=True):
    """Who is asked, as configured."""

    name: str
    model: str
    key: str
    url: str | None = None
    """Where it is, if not at home."""
    patience_s: float = PATIENCE_S

    @property
    def place(self) -> str:
        return f"{self.name} at {self.url}" if self.url else self.name


def configured(name: str, model: str, url: str, environ: Mapping[str, str]) -> Provider:
    """The provider that the settings name, with its key from the environment. Raises NotConfigured."""
    if not name:
        raise NotConfigured(
            "nobody is configured to be asked: set explain_provider (FLUX_EXPLAIN_PROVIDER) to "
            f"{' or '.join(PROVIDERS)}, and explain_model to one of its models"
        )
    if name not in PROVIDERS:
        raise NotConfigured(f"there is no provider {name!r}: explain_provider takes {' or '.join(PROVIDERS)}")
    if not model:
        raise NotConfigured(f"no model is configured: set explain_model (FLUX_EXPLAIN_MODEL) to a model of {name}")
    key = environ.get(KEYS[name], "").strip()
    if not key and not (url and name == "openai"):
        raise NotConfigured(f"there is no key: set {KEYS[name]} in the environment")
    return Provider(name, model, key, url or None)


def ask(provider: Provider, prompt: str) -> str:
    """The answer to the prompt, which is sent as it is. Raises NotConfigured or NoAnswer."""
    if provider.name == "anthropic":
        from flux_ls.explain.providers import anthropic

        return anthropic.ask(provider, prompt)
    from flux_ls.explain.providers import openai

    return openai.ask(provider, prompt)
