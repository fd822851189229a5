"""What is a secret, by name and by value: the rules of the recorder, of ingest, and of whatever leaves the machine."""

from collections.abc import Iterable

from flux_ls.record.redaction import keys, texts
from flux_ls.record.redaction.keys import is_secret_key
from flux_ls.record.redaction.texts import redact_text, redact_url
from flux_ls.record.redaction.trees import redact_tree


def configure(extra_keys: Iterable[str]) -> None:
    """More names that stand for secrets, in any spelling, from now on and in the whole process."""
    extra = tuple(extra_keys)
    keys.configure(extra)
    texts.configure(extra)


__all__ = ["configure", "is_secret_key", "redact_text", "redact_tree", "redact_url"]
