"""Words that every surface uses for the same thing."""

from flux_ls.model import LinkRelation

LINK_WORDS: dict[LinkRelation, str] = {
    "root_cause": "",
    "raised_from": "led to ",
    "cause": "caused by ",
    "context": "while handling ",
    "member": "in the same group: ",
}
"""What stands before an exception of a chain."""
