"""The body of a recorded request as values, where it has any."""

from urllib.parse import parse_qsl

from flux_ls.replay.literals import tree_of
from flux_ls.replay.shapes import Recording


def content_type(recording: Recording) -> str:
    return next((value.lower() for name, value in recording.sent.headers if name.lower() == "content-type"), "")


def tree_in(recording: Recording) -> object:
    """The body as values, where it has any."""
    body, kind = recording.sent.body, content_type(recording)
    try:
        if "application/x-www-form-urlencoded" in kind:
            return [list(pair) for pair in parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)]
        return tree_of(body)
    except ValueError:
        return None
