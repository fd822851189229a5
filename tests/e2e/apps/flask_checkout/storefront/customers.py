"""Who the customers are."""

import logging

TITLES = {"ada": "Countess"}

log = logging.getLogger(__name__)


def greeting(name):
    try:
        return f"Dear {TITLES[name]}"  # <- fault: logged
    except KeyError:
        log.exception("no title for %s", name)
        return f"Dear {name}"
