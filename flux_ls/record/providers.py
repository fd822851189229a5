"""OpenTelemetry's tracer providers: whichever the application uses, now or later, gets the recorder's processor."""

import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace.propagation import _SPAN_KEY

from flux_ls.record.guard import say_once, tell
from flux_ls.record.made import new_span_id, new_trace_id


def quick_current_span() -> Callable[[], Any]:
    """What answers OpenTelemetry's current span: past its layers, where its context is the usual one."""
    variable = getattr(context._RUNTIME_CONTEXT, "_current_context", None)
    if type(context._RUNTIME_CONTEXT) is not ContextVarsRuntimeContext or not isinstance(variable, ContextVar):
        return trace.get_current_span
    get, key, none = variable.get, _SPAN_KEY, trace.INVALID_SPAN

    def current_span() -> Any:
        return get().get(key, none)

    return current_span


class Ids(IdGenerator):
    """Random ids that leave the application's random numbers alone."""

    def generate_span_id(self) -> int:
        return new_span_id()

    def generate_trace_id(self) -> int:
        return new_trace_id()

    def is_trace_id_random(self) -> bool:
        return True


class Providers:
    """The global provider and what becomes of it.

    One that the recorder has set up makes way for one that the application sets: tracers that were handed out before,
    to instrumentations for instance, become tracers of the application's.
    """

    def __init__(self, processor: SpanProcessor, use: Callable[[Any], None]) -> None:
        """`use` is told of every provider that gets the processor."""
        self._processor = processor
        self._use = use
        self._ours: TracerProvider | None = None
        self._handed_out: list[tuple[trace.Tracer, tuple[Any, ...]]] = []
        self._attached: weakref.WeakSet[Any] = weakref.WeakSet()
        self._set: Callable[..., None] | None = None

    def has_one(self) -> bool:
        return trace._TRACER_PROVIDER is not None

    def attach(self, provider: Any) -> None:
        """Adds the processor, once."""
        add = getattr(provider, "add_span_processor", None)
        if add is None:
            say_once(
                "nothing is recorded: the tracer provider %s takes no span processors", type(provider).__qualname__
            )
            return
        if provider in self._attached:
            return
        self._attached.add(provider)
        add(self._processor)
        self._use(provider)

    def watch(self) -> None:
        """From now on notices when a global provider is set."""
        if self._set is not None:
            return
        self._set = trace._set_tracer_provider
        trace._set_tracer_provider = self._on_set  # type: ignore[assignment]

    def unwatch(self) -> None:
        if self._set is not None and trace._set_tracer_provider == self._on_set:
            trace._set_tracer_provider = self._set
            self._set = None

    def offer(self, provider: TracerProvider) -> None:
        """Makes it the global one until the application sets one of its own."""
        get_tracer = provider.get_tracer

        def remembering(*args: Any, **kwargs: Any) -> trace.Tracer:
            tracer = get_tracer(*args, **kwargs)
            if self._ours is provider:
                self._remember(tracer, args, kwargs)
            return tracer

        provider.get_tracer = remembering  # type: ignore[method-assign]
        self._ours = provider
        self.attach(provider)

    def _remember(self, tracer: trace.Tracer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = ("instrumenting_module_name", "instrumenting_library_version", "schema_url", "attributes")
        given = dict(zip(names, args, strict=False)) | kwargs
        if all(tracer is not known for known, _ in self._handed_out):
            self._handed_out.append((tracer, tuple(given.get(name) for name in names)))

    def _on_set(self, provider: Any, log: bool) -> None:
        assert self._set is not None
        ours = self._ours
        if ours is None or provider is ours or trace._TRACER_PROVIDER is not ours:
            self._set(provider, log)
        else:
            trace._TRACER_PROVIDER = provider
            self._ours = None
            try:
                self._hand_over(provider)
            except Exception as error:
                tell("making way for the application's tracer provider", error)
        try:
            now = trace._TRACER_PROVIDER
            if now is not None:
                self.attach(now)
        except Exception as error:
            tell("following the application's tracer provider", error)

    def _hand_over(self, provider: Any) -> None:
        for tracer, scope in self._handed_out:
            theirs = provider.get_tracer(*scope)
            become_the_sdks = getattr(tracer, "become_the_sdks", None)
            if become_the_sdks is not None:
                become_the_sdks()
            if type(theirs) is type(tracer):
                # The same dict, so that what their provider changes later changes here too.
                tracer.__dict__ = theirs.__dict__
            else:
                tracer.start_span = theirs.start_span  # type: ignore[method-assign]
                tracer.start_as_current_span = theirs.start_as_current_span  # type: ignore[method-assign]
        self._handed_out.clear()
