"""Anthropic, through its own client library."""

from flux_ls.explain.providers import LONGEST_ANSWER, NoAnswer, NotConfigured, Provider
from flux_ls.explain.providers.failing import told


def ask(provider: Provider, prompt: str) -> str:
    try:
        import anthropic
    except ImportError:
        raise NotConfigured(
            "asking anthropic needs its client library: pip install 'flux-ls[explain]' installs it"
        ) from None
    with told(anthropic, provider):
        client = anthropic.Anthropic(
            api_key=provider.key, base_url=provider.url, timeout=provider.patience_s, max_retries=0
        )
        with client:
            message = client.messages.create(
                model=provider.model,
                max_tokens=LONGEST_ANSWER,
                messages=[{"role": "user", "content": prompt}],
            )
        answer = "".join(block.text for block in message.content if block.type == "text").strip()
        if not answer:
            raise NoAnswer(f"{provider.place} answered with no text ({message.stop_reason})")
        return answer if message.stop_reason != "max_tokens" else f"{answer}\n\n(cut: the answer became too long)"
