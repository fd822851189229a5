"""What came in with a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.request import entry_of
from flux_ls.answers.came_in import input_of, route_params
from tests.recorded import Recorded
from tests.telemetry import SpanNode, http, span


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("/users/<int:id>", "/users/42", {"id": "42"}),
        ("/users/<id>/posts/<post>", "/users/42/posts/hello", {"id": "42", "post": "hello"}),
        ("/users/{id}", "/users/42", {"id": "42"}),
        ("/users/:id", "/users/42", {"id": "42"}),
        ("users/<int:pk>/", "/users/42/", {"pk": "42"}),
        ("^users/<int:pk>$", "/users/42", {"pk": "42"}),
        ("/files/{rest:path}", "/files/a/b/c.txt", {"rest": "a/b/c.txt"}),
        ("/files/<path:rest>", "/files/a/b", {"rest": "a/b"}),
        ("/users", "/users", {}),
        ("/users/{id}", "/users", {}),
        ("/users/{id}", "/users/42/posts", {}),
        ("/users/{id}", "/api/users/42", {}),
        ("/{a}/x", "/1/y", {}),
        ("", "", {}),
    ],
)
def test_route_parameters(route: str, path: str, expected: dict[str, str]) -> None:
    assert route_params(route, path) == expected


@given(st.text("/<>{}:*ab", max_size=30), st.text("/ab", max_size=30))
def test_any_route_and_path_give_values_of_the_path(route: str, path: str) -> None:
    assert all(value in path for value in route_params(route, path).values())


def asked(recorded: Recorded, root: SpanNode) -> object:
    id = recorded.add(root)
    with recorded.reader() as reader:
        return input_of(reader.request(id), entry_of(reader.spans(id)))


def test_an_http_request_tells_path_parameters_and_query(recorded: Recorded) -> None:
    root = http("POST", "/orders/7", route="/orders/<int:id>", query="tag=a&tag=b&full=&q=x%20y")
    assert asked(recorded, root) == {
        "method": "POST",
        "path": "/orders/7",
        "route": "/orders/<int:id>",
        "params": {"id": "7"},
        "query": {"tag": ["a", "b"], "full": "", "q": "x y"},
    }


def test_a_message_tells_where_it_came_from(recorded: Recorded) -> None:
    told = {"messaging.system": "celery", "messaging.destination.name": "mails", "messaging.message.id": "m1"}
    root = span("process mails", kind="consumer", attributes=told)
    assert asked(recorded, root) == {"destination": "mails", "message_id": "m1"}


def test_a_run_that_says_nothing_has_no_input(recorded: Recorded) -> None:
    assert asked(recorded, span("nightly import")) is None


def test_a_query_of_a_million_fields_is_left_as_it_is(recorded: Recorded) -> None:
    query = "&".join("a=1" for _ in range(1000))
    answer = asked(recorded, http("GET", "/x", query=query))
    assert isinstance(answer, dict)
    assert answer["query"] == {"": query}
