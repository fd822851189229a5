"""What the client libraries raise, as words that say what to do. Both libraries name their errors alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from flux_ls.explain.providers import KEYS, NoAnswer, Provider
from flux_ls.record.redaction import redact_text

_LONGEST = 300


@contextmanager
def told(library: ModuleType, provider: Provider) -> Iterator[None]:
    """Raises NoAnswer for whatever goes wrong while the provider is asked."""
    try:
        yield
    except NoAnswer:
        raise
    except library.APITimeoutError:
        raise NoAnswer(f"{provider.place} did not answer within {provider.patience_s:g} s: try again") from None
    except library.APIConnectionError as error:
        why = _said(provider, str(error.__cause__ or error))
        mend = "check explain_url" if provider.url else "check the connection"
        raise NoAnswer(f"{provider.place} cannot be reached ({why}): {mend}") from None
    except library.APIStatusError as error:
        raise NoAnswer(_of_status(provider, error.status_code, str(error))) from None
    except Exception as error:
        # Whatever else a library, or a server that only speaks something like the protocol, may come up with.
        why = _said(provider, f"{type(error).__name__}: {error}")
        raise NoAnswer(f"{provider.place} gave no answer that can be read: {why}") from None


def _of_status(provider: Provider, status: int, text: str) -> str:
    said = _said(provider, text)
    if status == 401:
        return f"{provider.place} did not take the key (401): check {KEYS[provider.name]} ({said})"
    if status == 403:
        return f"{provider.place} does not allow it (403): {said}"
    if status == 404:
        return (
            f"{provider.place} does not know it (404): check explain_model {provider.model!r} and explain_url ({said})"
        )
    if status == 413 or (status == 400 and "too long" in text):
        return f"{provider.place} finds the prompt too long ({status}): make it shorter with --bytes ({said})"
    if status == 429:
        return (
            f"{provider.place} has had too many requests, or the credit is used up (429): wait, then try again ({said})"
        )
    if status >= 500:
        return f"{provider.place} has trouble of its own ({status}): try again later ({said})"
    return f"{provider.place} refused the request ({status}): {said}"


def _said(provider: Provider, text: str) -> str:
    """What the other side said, without the key that it may have repeated."""
    if provider.key:
        text = text.replace(provider.key, "[redacted]")
    text = " ".join(redact_text(text).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
