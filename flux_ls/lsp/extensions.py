"""What this server speaks beyond the protocol: its own messages, which the server registers from here.

The commands are in `commands`, the addresses of documents in `addresses`.
"""

from typing import Literal

import attrs


@attrs.frozen
class Message:
    method: str
    kind: Literal["request", "notification"]
    sender: Literal["client", "server"]
    meaning: str


STATUS = "flux/status"
TAIL = "flux/tail"
SUBSCRIBE_TAIL = "flux/subscribeTail"
UNSUBSCRIBE_TAIL = "flux/unsubscribeTail"
SUBSCRIBE_ERRORS = "flux/subscribeErrors"
UNSUBSCRIBE_ERRORS = "flux/unsubscribeErrors"
ERRORS = "flux/errors"
TRUST = "flux/trust"

MESSAGES = (
    Message(STATUS, "request", "client", "What is connected, and the first broken link."),
    Message(STATUS, "notification", "server", "The same, unasked: whenever it has changed, at most twice a second."),
    Message(
        TRUST,
        "notification",
        "client",
        "Whether code of the workspace may be run, by replays say. It is of the folders that are open then, and may "
        "stand in `initializationOptions` as `workspaceTrusted`; without it nothing runs.",
    ),
    Message(SUBSCRIBE_TAIL, "request", "client", "From now on, tell every request that passes the filter."),
    Message(UNSUBSCRIBE_TAIL, "request", "client", "No more of them."),
    Message(
        TAIL,
        "notification",
        "server",
        "Requests of a subscription as they finish, and again with `correction` when more of them arrived late.",
    ),
    Message(SUBSCRIBE_ERRORS, "request", "client", "From now on, tell when what fails has changed."),
    Message(UNSUBSCRIBE_ERRORS, "request", "client", "No more of it."),
    Message(
        ERRORS,
        "notification",
        "server",
        "`flux.server.errors` may answer otherwise than before: counts, places, states. At most twice a second.",
    ),
)
