"""Whether the user wants a command to run that the agent has named: allowed beforehand, or asked for each."""

from enum import Enum

from flux_ls.explain.fence import harmless
from flux_ls.mcp.desk import Allowed
from flux_ls.mcp.parameters import Answered, WhatToBisect, given

QUESTION = "run"
"""The name of the question in the protocol."""


class Consent(Enum):
    """The words are the refusal's."""

    GIVEN = ""
    DENIED = "the user did not want this command to run"
    NOT_TO_BE_HAD = (
        "a command runs without a guard, and this client cannot ask the user about it: the user can allow all commands "
        "by starting this server with --allow-run (flux mcp --allow-bisect --allow-run); a bisect by the `id` of a "
        "recorded request needs none"
    )


def question(asked: Answered, allowed: Allowed) -> str | None:
    """What the user is asked; None when nothing is to be asked."""
    if not isinstance(asked, WhatToBisect) or allowed.run:
        return None
    command = given(asked.run)
    if command is None:
        return None
    # Each line begins as one of the command, so that none can be taken for a part of the question.
    shown = harmless(command).replace("\n", "\n  > ")
    return (
        "An agent wants to find the commit that broke something, by running this command in throw-away checkouts of "
        f"the project's revisions. Nothing keeps in what it does.\n\n  $ {shown}\n\nLet it run?"
    )
