"""From a call to what is sent back: the question asked, its data within the budget, the text beside it, or why not."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, to_builtins

from flux_ls.answers.shapes import request_shape
from flux_ls.mcp import parameters, untrusted
from flux_ls.mcp.budget import TooLarge, listed, within
from flux_ls.mcp.desk import Allowed, Desk, Job, Refused, Stopped
from flux_ls.mcp.summaries import summary
from flux_ls.mcp.tools import BY_NAME, Tool
from flux_ls.store.errors import AmbiguousRequest, RequestNotFound, StoreError

log = logging.getLogger(__name__)

_FRAME_BYTES = 600
"""What stands beside the data: the notice, and how to get at the rest."""
_SUMMARY_SHARE = 0.5


class Told(Struct, frozen=True):
    """What goes back: without data, it is an error."""

    text: str
    data: dict[str, Any] | None = None


class NoSuchTool(Exception):
    """The message says what there is."""


def tool_of(name: str, allowed: Allowed) -> Tool:
    """Raises NoSuchTool, and Refused for what is not allowed here."""
    tool = BY_NAME.get(name)
    if tool is None:
        raise NoSuchTool(f"there is no tool {name!r}; there are {', '.join(BY_NAME)}")
    if not tool.is_in(allowed):
        raise Refused(
            f"{name} runs code of the project, which was not allowed: the user can allow it by starting this server "
            f"with {tool.flag} (flux mcp {tool.flag})"
        )
    return tool


def answer(tool: Tool, asked: parameters.Answered, open_desk: Callable[[Job], Desk], job: Job) -> Told:
    """Asks, from the thread that it is called in."""
    try:
        shape = tool.ask(asked, open_desk(job))
    except Refused as error:
        return refusal(str(error))
    except StoreError as error:
        return _refused(error)
    except Stopped:
        return refusal("it was stopped")
    except Exception as error:
        log.exception("%s", tool.name)
        return refusal(f"Flux could not answer, by a fault of its own: {type(error).__name__}: {error}")
    return told(tool, to_builtins(shape), asked.max_bytes)


def told(tool: Tool, data: Mapping[str, Any], limit: int) -> Told:
    whole = untrusted.told(data)
    try:
        kept, cuts = within(whole, limit - _FRAME_BYTES)
    except TooLarge:
        return refusal(f"the answer does not fit into {limit:,} bytes: {tool.rest}")
    told: dict[str, Any] = {"untrusted": untrusted.NOTICE, **kept}
    lines = [untrusted.marked(summary(tool.name, kept, int(limit * _SUMMARY_SHARE)))]
    if cuts:
        told |= {"cut": listed(cuts, limit - _FRAME_BYTES), "rest": tool.rest}
        one = len(cuts) == 1
        lines.append(f"{len(cuts)} {'value is' if one else 'values are'} cut in the data: {tool.rest}")
    return Told("\n".join(lines), told)


def refusal(words: str) -> Told:
    """Words of ours around what may be recorded ones: all of it is marked."""
    return Told(untrusted.marked(untrusted.text(words)))


def _refused(error: StoreError) -> Told:
    words = [str(error)]
    after = ""
    if isinstance(error, AmbiguousRequest):
        for request in error.candidates:
            shape = request_shape(request)
            status = shape.status if shape.status is not None else "failed" if shape.failed else "ok"
            words.append(f"  {shape.id}  {shape.started_at}  {shape.name[:120]}  {status}")
        after = "\nAsk again with more digits of one of them."
    elif isinstance(error, RequestNotFound):
        after = "\nThe tool `tail` lists the recent requests, `errors` what fails."
    kept = refusal("\n".join(words))
    return Told(kept.text + after)
