"""OpenAI, and every service that speaks its protocol, through its own client library."""

from flux_ls.explain.providers import NoAnswer, NotConfigured, Provider
from flux_ls.explain.providers.failing import told

_NO_KEY = "none"
"""For services that ask for no key: the library wants one."""


def ask(provider: Provider, prompt: str) -> str:
    try:
        import openai
    except ImportError:
        raise NotConfigured(
            "asking openai needs its client library: pip install 'flux-ls[explain]' installs it"
        ) from None
    with told(openai, provider):
        client = openai.OpenAI(
            api_key=provider.key or _NO_KEY, base_url=provider.url, timeout=provider.patience_s, max_retries=0
        )
        with client:
            completion = client.chat.completions.create(
                model=provider.model, messages=[{"role": "user", "content": prompt}]
            )
        choice = completion.choices[0]
        answer = (choice.message.content or "").strip()
        if not answer:
            raise NoAnswer(f"{provider.place} answered with no text ({choice.finish_reason})")
        return answer if choice.finish_reason != "length" else f"{answer}\n\n(cut: the answer became too long)"
