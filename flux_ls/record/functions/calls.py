"""What is recorded of a function's calls: spans with input and output for those that are kept, else a count."""

from contextvars import Token
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType
from typing import Any, Final

from flux_ls.record import failures, settings, wire
from flux_ls.record.functions.answers import is_answer
from flux_ls.record.guard import tell
from flux_ls.record.made import MadeEvent, MadeSpan, new_span_id, now_ns
from flux_ls.record.recording import CURRENT, Recording, enter, enter_call, keep_calls, leave, position
from flux_ls.record.redaction import is_secret_key
from flux_ls.record.redaction.keys import Verdict
from flux_ls.record.values import Captured, Tree, redacted_value, snapshot, snapshot_items

SCOPE: Final = "flux_ls.record.functions"

MOST_FAILED: Final = 20
"""Failing calls of one function that a request keeps beyond `record_calls`."""
MOST_YIELDED: Final = 20
"""What is recorded of a generator: the first values, and how many more there were."""

_SELF: Final = frozenset({"self", "cls", "mcs", "mcls", "metacls", "klass"})


_NOTHING: Final[dict[str, object]] = {}


class Call(MadeSpan):
    """A call that is kept, while it runs; when it has ended, the span that tells of it."""

    __slots__ = ("count", "input", "token", "yielded")

    def __init__(
        self, name: str, span_id: int, parent_id: int, start_ns: int, given: Captured, common: dict[str, object]
    ) -> None:
        # Not by the way of `super`: there are many of them.
        self.name = name
        self.span_id = span_id
        self.parent_id = parent_id
        self.start_ns = self.end_ns = start_ns
        self.scope = SCOPE
        self.kind = "internal"
        self.attributes = _NOTHING
        self.common = common
        self.events = []
        self.error = None
        self.input = given
        self.token: Token[tuple[int, Any] | None] | None = None
        """Of a call that has the word; a generator has not between its values."""
        self.yielded: list[Tree] | None = None
        self.count = 0
        """Of a generator: how many values there were."""


class Site:
    """One function that is recorded. The wrapper of its code holds it as a constant."""

    __slots__ = (
        "attributes",
        "by_pattern",
        "code",
        "failing",
        "function",
        "here",
        "name",
        "names",
        "secret",
        "stars",
        "without_first",
    )

    everything: Final = BaseException
    exhausted: Final = StopIteration
    exhausted_async: Final = StopAsyncIteration

    def __init__(self, code: CodeType, module: str, name: str | None = None, by_pattern: bool = False) -> None:
        qualname = code.co_qualname
        self.code = code
        """What the function was before."""
        self.by_pattern = by_pattern
        self.here = CURRENT.get
        self.function = f"{module}.{qualname}"
        self.name = qualname.replace("<locals>.", "") if name is None else name
        self.attributes: dict[str, object] = {
            "code.function.name": self.function,
            "code.file.path": code.co_filename,
            "code.line.number": code.co_firstlineno,
        }
        self.without_first = _is_method(code)
        given = code.co_argcount + code.co_kwonlyargcount
        self.stars = bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
        self.names = code.co_varnames[self.without_first : given + self.stars]
        self.secret = is_secret_key(code.co_name)
        self.failing = ("failing", self.function, code.co_firstlineno)
        """Counts failing calls beyond the cap in `Recording.seen`."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Functions may be pickled by value (cloudpickle): what is recorded there is that process's affair.
        module = self.function.removesuffix("." + self.code.co_qualname)
        return (Site, (self.code, module, self.name, self.by_pattern))

    def begin(self, recording: Recording, values: tuple[object, ...]) -> Call | None:
        """A call has come; None if it is only counted."""
        calls = recording.calls[self]
        calls.left -= 1
        return self.kept(values) if calls.left >= 0 else None

    def kept(self, values: tuple[object, ...]) -> Call | None:
        """A call has come that is kept."""
        try:
            call = Call(self.name, new_span_id(), 0, now_ns(), self._given(values), self.attributes)
            call.parent_id, call.token = enter_call(call.span_id)
            return call
        except Exception as error:
            tell("recording a call", error)
            return None

    def returned(self, recording: Recording, call: Call, result: object) -> None:
        """A kept call has returned."""
        try:
            call.end_ns = now_ns()
            if call.token is not None:
                leave(call.token)
            attributes: dict[str, object] = {wire.INPUT: call.input}
            if self.secret and result is not None and type(result) is not bool:
                attributes[wire.OUTPUT] = Captured(redacted_value(Verdict.SECRET, result))
            else:
                attributes[wire.OUTPUT] = Captured(snapshot(result, _value_bytes))
            call.attributes = attributes
            recording.take(call)
        except Exception as error:
            tell("recording an output", error)

    def failed(
        self, recording: Recording, call: Call | None, start_ns: int, values: tuple[object, ...], error: BaseException
    ) -> None:
        """A call has ended with an exception, whether it was kept or only counted."""
        try:
            end = now_ns()
            if call is not None:
                self.pause(call)
            is_failure = isinstance(error, Exception) and not is_answer(error)
            if call is None:
                call = self._kept_late(recording, start_ns, values) if is_failure else None
                if call is None:
                    return
            attributes: dict[str, object] = {wire.INPUT: call.input}
            if call.yielded is not None:
                attributes[wire.OUTPUT] = _yielded(call)
            if not is_failure:
                if not isinstance(error, GeneratorExit):
                    attributes["error.type"] = failures.type_name(error)
                self._add(recording, call, end, attributes)
                return
            seen = failures.sighted(recording, error, call.span_id, call.start_ns)
            event = {"exception.type": failures.type_name(error), "exception.message": failures.message_of(error)}
            if seen.first:
                event["exception.stacktrace"] = failures.stacktrace_of(error)
            if seen.locals is not None:
                attributes[wire.LOCALS] = seen.locals
            call.events = [MadeEvent("exception", end, event)]
            call.error = failures.one_line(error)
            self._add(recording, call, end, attributes)
        except Exception as wrong:
            tell("recording a failing call", wrong)

    def _kept_late(self, recording: Recording, start_ns: int, values: tuple[object, ...]) -> Call | None:
        count = recording.seen.get(self.failing, 0)
        if not isinstance(count, int) or count >= MOST_FAILED:
            return None
        recording.seen[self.failing] = count + 1
        calls = recording.calls[self]
        if calls.left < 0:
            calls.left += 1
        return Call(self.name, new_span_id(), position(), start_ns or now_ns(), self._given(values), self.attributes)

    def _given(self, values: tuple[object, ...]) -> Captured:
        """Every parameter with its value, defaults included; `*rest` and `**named` if there is something in them."""
        pairs = zip(self.names, values)  # noqa: B905 - as many by construction, and `strict` costs
        if self.stars:
            plain = len(values) - self.stars
            pairs = (pair for at, pair in enumerate(pairs) if at < plain or pair[1])  # type: ignore[assignment]
        return snapshot_items(pairs, _value_bytes)

    def _add(self, recording: Recording, call: Call, end_ns: int, attributes: dict[str, object]) -> None:
        call.end_ns = end_ns
        call.attributes = attributes
        recording.add(call)

    # A generator has the word only from a request for a value until it yields it. What runs meanwhile is the caller's.

    def pause(self, call: Call | None) -> None:
        if call is not None and call.token is not None:
            token, call.token = call.token, None
            leave(token)

    def resume(self, call: Call) -> None:
        call.token = enter(call.span_id)

    def yielded(self, call: Call, value: object) -> None:
        try:
            self.pause(call)
            call.count += 1
            if call.yielded is None:
                call.yielded = []
            if call.count <= MOST_YIELDED:
                call.yielded.append(
                    redacted_value(Verdict.SECRET, value) if self.secret else snapshot(value, _value_bytes)
                )
        except Exception as error:
            tell("recording what a generator yields", error)

    def ended(self, recording: Recording, call: Call) -> None:
        """A kept generator has come to its end."""
        try:
            end = now_ns()
            self.pause(call)
            attributes: dict[str, object] = {wire.INPUT: call.input}
            attributes[wire.OUTPUT] = _yielded(call)
            self._add(recording, call, end, attributes)
        except Exception as error:
            tell("recording the end of a generator", error)


def _yielded(call: Call) -> Captured:
    values = list(call.yielded or ())
    if call.count > len(values):
        values.append({wire.MORE: call.count - len(values)})
    return Captured(values)


def _is_method(code: CodeType) -> bool:
    """Whether the first argument is the object or the class that the function is called on."""
    owner = code.co_qualname.rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>") and code.co_argcount > 0 and code.co_varnames[0] in _SELF


_value_bytes = 4096


def configure() -> None:
    """Takes over what the settings in force say."""
    global _value_bytes
    rules = settings.in_force()
    _value_bytes = rules.record_value_bytes
    keep_calls(rules.record_calls)
