"""Patterns that name functions, as the setting `functions` takes them.

    shop                    everything in the module or package `shop`
    shop.orders.Order       a class, with all its methods
    shop.*                  the same by wildcard: `*` any text, dots included; `?` one character; `[ab]` one of them
    billing.tax:compute     a module, and a name in it: for when it matters where one ends and the other begins
    *.views:create_*        wildcards on either side
    !shop.models            but not these: the last pattern that fits decides

Names are qualified as Python does it, without `<locals>`: `create_app.index` is `index` inside `create_app`. A pattern
that begins with a wildcard means your own code only, not every library.
"""

import sys
from collections.abc import Iterable
from fnmatch import translate
from re import Pattern as Regex
from re import compile as compiled
from typing import Final, NamedTuple

from flux_ls.record.in_app import is_in_app

_WILD: Final = "*?["
_NEVER: Final = frozenset({"flux_ls", "opentelemetry", "wrapt", "msgspec", "importlib_metadata", "builtins"})
"""What the recorder runs on."""


class Unusable(ValueError):
    """A text that is no pattern; says why and what would be one."""


class Pattern(NamedTuple):
    wanted: bool
    """False for one that begins with `!`."""
    module: Regex[str] | None
    name: Regex[str]
    """Of the qualified name; of module and name together where `module` is None."""
    head: str
    """What the module's name, or the module's and the function's, begins with: all before the first wildcard."""
    whole: bool
    """Whether `head` is all there is to say about the module."""

    def may_be_in(self, module: str) -> bool:
        """Whether functions of the module can fit."""
        if self.module is not None:
            return self.module.fullmatch(module) is not None
        if self.whole:
            return _at_or_below(module, self.head) or self.head.startswith(module + ".")
        return module.startswith(self.head) or f"{module}.".startswith(self.head) or self.head.startswith(module + ".")

    def fits(self, module: str, name: str) -> bool:
        if self.module is None:
            return self.name.fullmatch(f"{module}.{name}") is not None
        return self.module.fullmatch(module) is not None and self.name.fullmatch(name) is not None


def parse(text: str) -> Pattern:
    """The pattern, or `Unusable`."""
    bare = text.strip()
    wanted = not bare.startswith("!")
    bare = bare.removeprefix("!").strip()
    module, colon, name = bare.partition(":")
    if not bare or (colon and not (module and name)):
        raise Unusable(f"{text!r} names no function; write MODULE, MODULE:NAME or a wildcard such as `shop.*`")
    if ":" in name or any(each.isspace() or each in "/\\" for each in bare):
        raise Unusable(f"{text!r} is no dotted name; write MODULE or MODULE:NAME, as in `billing.tax:compute`")
    first = module if colon else bare
    head = first[: min((at for each in _WILD if (at := first.find(each)) >= 0), default=len(first))]
    if not colon:
        return Pattern(wanted, None, _named(bare), head, head == first)
    return Pattern(wanted, compiled(translate(module)), _named(name), head, head == first)


def _named(text: str) -> Regex[str]:
    """A name without wildcards stands for what is inside it, too."""
    if any(each in text for each in _WILD):
        return compiled(translate(text))
    return compiled(f"{translate(text)}|{translate(text + '.*')}")


def _at_or_below(name: str, above: str) -> bool:
    return name == above or name.startswith(above + ".")


class Patterns:
    """All patterns of a process, in their order."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self.patterns = tuple(patterns)

    def __bool__(self) -> bool:
        return any(pattern.wanted for pattern in self.patterns)

    def may_be_in(self, module: str, filename: str | None = None) -> bool:
        """Whether it is worth looking at the functions of the module, which is in this file."""
        if module.partition(".")[0] in _NEVER:
            return False
        mine = filename is None or is_in_app(filename)
        return any(pattern.wanted and (mine or pattern.head) and pattern.may_be_in(module) for pattern in self.patterns)

    def fits(self, module: str, qualname: str, filename: str) -> bool:
        """Whether to record the function."""
        name = qualname.replace("<locals>.", "")
        decides: Pattern | None = None
        for pattern in self.patterns:
            if pattern.fits(module, name):
                decides = pattern
        if decides is None or not decides.wanted:
            return False
        of_the_library = module.partition(".")[0] in sys.stdlib_module_names
        return is_in_app(filename) or not (of_the_library or not decides.head)
