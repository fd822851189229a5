"""Replacing functions of other people's libraries: when they get imported, and back again."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from flux_ls.record.guard import Guard

Replacement = Callable[[Any], Any]
"""From what is there to what takes its place."""


class Patches:
    """What one part of the recorder has replaced.

    A library is never imported by us: it is patched at once when it is there, else when somebody imports it.
    """

    def __init__(self) -> None:
        self.active = False
        """While this is False, replacements pass everything through: what others have wrapped cannot be taken out."""
        self._hooked: set[str] = set()
        self._waiting: dict[str, Callable[[ModuleType], None]] = {}
        self._made: list[tuple[object, str, Any, Any]] = []

    def when_imported(self, module: str, patch: Callable[[ModuleType], None]) -> None:
        self._waiting[module] = patch
        if module not in self._hooked:
            self._hooked.add(module)
            wrapt.register_post_import_hook(self._imported, module)
        elif self.active and module in sys.modules:
            # An import hook stays, and runs once: the library may have come since.
            self._imported(sys.modules[module])

    def _imported(self, module: ModuleType) -> None:
        patch = self._waiting.get(module.__name__)
        if patch is not None and self.active:
            with Guard(f"patching {module.__name__}"):
                patch(module)

    def replace(self, owner: object, name: str, replacement: Replacement) -> None:
        """Puts `replacement(original)` where the original is, if there is one."""
        original = vars(owner).get(name)
        if original is None:
            return
        # By the owner: what others have put there may have to be bound, to be called as a method.
        made = replacement(getattr(owner, name))
        setattr(owner, name, made)
        self._made.append((owner, name, original, made))

    def restore(self) -> None:
        self.active = False
        for owner, name, original, made in reversed(self._made):
            if vars(owner).get(name) is made:
                setattr(owner, name, original)
        self._made.clear()
