"""What is told of this process with everything it sends: whose service it is, which revision runs, who recorded."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.sdk.resources import Resource

_SERVICE: Final = "service.name"
_NAMELESS: Final = "unknown_service"


class Process:
    """Adds to the resource that the application's spans have, which itself stays as it is."""

    def __init__(self, service: str, found_out: Callable[[], Mapping[str, Any]]) -> None:
        """`found_out` gives attributes, always the same object until there are others."""
        self._service = service
        self._found_out = found_out
        self._known: dict[int, tuple[Resource, Mapping[str, Any], Mapping[str, Any]]] = {}
        self._default: Resource | None = None

    def resource(self) -> Resource:
        """The resource where there are no spans of the application's."""
        if self._default is None:
            self._default = Resource.create({})
        return self._default

    def use_that_of(self, provider: Any) -> None:
        resource = getattr(provider, "resource", None)
        if isinstance(resource, Resource):
            self._default = resource

    def attributes(self, resource: Resource) -> Mapping[str, Any]:
        """What is told with spans of the resource; always the same object until there is more to tell."""
        found_out = self._found_out()
        known = self._known.get(id(resource))
        if known is not None and known[0] is resource and known[1] is found_out:
            return known[2]
        if len(self._known) > 50:
            self._known.clear()
        told: dict[str, Any] = {**found_out, **resource.attributes}
        if str(told.get(_SERVICE, _NAMELESS)).startswith(_NAMELESS) and self._service:
            told[_SERVICE] = self._service
        self._known[id(resource)] = (resource, found_out, told)
        return told
