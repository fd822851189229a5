"""Which of the exceptions in a Python stack trace is the recorded one, and whether the text was cut before it."""

from msgspec.structs import replace

from flux_ls.model import Raised

from .in_app import InAppRule
from .python_blocks import HEADER, SENTENCES, TYPE, Parser, note_lines
from .python_links import Block, linked, same_type


def fuller_type(given: str, printed: str) -> str:
    """The better of two spellings of one class. `__main__.` is left out, as Python itself prints it."""
    given = given.removeprefix("__main__.")
    return printed if len(printed) > len(given) else given


def parse_python(text: str, type: str, message: str, rule: InAppRule) -> Raised:
    """The exception that `text` tells of; `type` and `message` are those of the recorded exception."""
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        text, message_in_text = text.replace("\r\n", "\n"), message.replace("\r\n", "\n")
    else:
        message_in_text = message
    if text.startswith("+ Exception Group"):
        text = "  " + text
    parser = Parser(text, type, message_in_text, rule)
    blocks, _ = parser.chain(0, 0)
    if len(blocks) <= 1 and not any(block.frames or block.matched for block in blocks):
        known = any(TYPE.match(block.type) and (not type or same_type(type, block.type)) for block in blocks)
        begins = -1 if known else text.find(f"\n{HEADER}\n")
        if begins >= 0:  # Something else stands before the stack.
            parser = Parser(text[begins + 1 :], type, message_in_text, rule)
            blocks, _ = parser.chain(0, 0)
    raised = _recorded(blocks, type, message, parser.text)
    return raised if parser.left > 0 else replace(raised, truncated=True)


def _recorded(blocks: list[Block], type: str, message: str, text: str) -> Raised:
    """Chooses which block is the recorded exception and ties the others to it."""
    if not blocks:
        return Raised(type, message, truncated=bool(text.strip()))
    matched = [at for at, block in enumerate(blocks) if block.matched]
    if matched and blocks[-1].whole:
        tail = blocks[matched[-1]]
        if tail is not blocks[-1]:  # its notes contain what looks like further exceptions
            tail.notes = note_lines(text[tail.notes_begin :].removesuffix("\n"))
        return linked(blocks[: matched[-1]], tail, fuller_type(type, tail.type), message or tail.message)
    last = blocks[-1]
    if not last.whole:
        # Frames without a type: cut, unless it never was an exception (`traceback.format_stack`).
        stack_only = len(blocks) == 1 and text.startswith("  File ") and text.endswith("\n")
        return linked(blocks[:-1], last, type, message, truncated=not stack_only)
    ended = text.endswith("\n")
    if ended and type:
        alike = [at for at, block in enumerate(blocks) if same_type(type, block.type)]
        if alike:
            last, blocks = blocks[alike[-1]], blocks[: alike[-1] + 1]
    if not type or (same_type(type, last.type) and (ended or _told(message, last.message))):
        return linked(blocks[:-1], last, fuller_type(type, last.type), _truest(message, last))
    if not ended and last.frames and not last.message and (type.startswith(last.type) or f".{last.type}" in type):
        # Cut within the name of the type, which could still be that of what led to it.
        return linked(blocks[:-1], last, type, message, truncated=True)
    # It ends after something that led to the recorded exception: the rest was cut off.
    if not ended and not last.frames and len(blocks) > 1:
        blocks.pop()
    cut = Block()
    cut.joined = "context"
    for sentence, join in SENTENCES.items():
        if text.rstrip().endswith(sentence):
            cut.joined = join
    return linked(blocks, cut, type, message, truncated=True)


def _told(given: str, printed: str) -> bool:
    """Whether a printed message, perhaps cut, is the given one, perhaps said otherwise."""
    return not given or given.startswith(printed) or printed.startswith(given) or printed == repr(given)


def _truest(given: str, block: Block) -> str:
    """A log record says `str(error.args[0])` where the stack says `str(error)`; a cut stack says less."""
    if given.startswith(block.message):
        return given
    return block.message
