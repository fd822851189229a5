"""Attribute names of every age, and what a resource tells."""

import pytest

from flux_ls.model import AttributeValue
from flux_ls.otlp.semconv import normalised, resource_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"http.request.method": "GET", "x": 1}, {"http.request.method": "GET", "x": 1}),
        ({"http.method": "GET"}, {"http.request.method": "GET"}),
        ({"http.status_code": 500}, {"http.response.status_code": 500}),
        ({"http.scheme": "https"}, {"url.scheme": "https"}),
        ({"http.user_agent": "curl"}, {"user_agent.original": "curl"}),
        ({"http.flavor": "1.1"}, {"network.protocol.version": "1.1"}),
        ({"db.system": "sqlite"}, {"db.system.name": "sqlite"}),
        ({"db.statement": "SELECT 1"}, {"db.query.text": "SELECT 1"}),
        ({"db.operation": "SELECT"}, {"db.operation.name": "SELECT"}),
        ({"db.name": "shop"}, {"db.namespace": "shop"}),
        ({"db.sql.table": "users"}, {"db.collection.name": "users"}),
        ({"code.filepath": "a.py"}, {"code.file.path": "a.py"}),
        ({"code.lineno": 7}, {"code.line.number": 7}),
        ({"code.column": 3}, {"code.column.number": 3}),
        ({"messaging.message_id": "7"}, {"messaging.message.id": "7"}),
        ({"net.sock.peer.addr": "10.0.0.1"}, {"network.peer.address": "10.0.0.1"}),
    ],
)
def test_old_names_become_todays(given: dict[str, AttributeValue], expected: dict[str, AttributeValue]) -> None:
    assert normalised(given) == expected


def test_what_is_given_stays_as_it_is() -> None:
    given: dict[str, AttributeValue] = {"http.method": "GET", "http.url": "http://h/p?q=1"}
    before = dict(given)
    normalised(given)
    assert given == before


def test_where_both_names_are_there_todays_wins() -> None:
    both: dict[str, AttributeValue] = {"http.method": "OLD", "http.request.method": "NEW", "db.name": "old"}
    assert normalised(both) == {"http.request.method": "NEW", "db.namespace": "old"}
    assert normalised({"http.target": "/old?a", "url.path": "/new"}) == {"url.path": "/new", "url.query": "a"}
    assert normalised({"code.function": "old", "code.function.name": "new"}) == {"code.function.name": "new"}


def test_of_several_old_names_of_one_thing_the_same_wins_in_any_order() -> None:
    server: dict[str, AttributeValue] = {
        "net.peer.name": "client.example",
        "http.host": "shop.example:8000",
        "net.host.name": "shop.example",
        "net.peer.port": 55555,
        "net.host.port": 8000,
    }
    for given in (server, dict(reversed(server.items()))):
        assert normalised(given) == {"server.address": "shop.example", "server.port": 8000}


@pytest.mark.parametrize(
    ("given", "path", "query"),
    [
        ({"http.target": "/users/7?full=1&x"}, "/users/7", "full=1&x"),
        ({"http.target": "/users/7?a=b?c#d"}, "/users/7", "a=b?c"),
        ({"http.target": "//double/slash"}, "//double/slash", None),
        ({"http.target": "/a:b@c;d"}, "/a:b@c;d", None),
        ({"http.target": "http://proxy.example/p?q"}, "/p", "q"),
        ({"http.url": "http://h:80/p?q=1#f"}, "/p", "q=1"),
        ({"url.full": "http://h/p?q=1"}, "/p", "q=1"),
        ({"url.full": "http://h/p", "http.method": "GET"}, "/p", None),
        ({"url.full": "http://h/other", "url.path": "/told"}, "/told", None),
        ({"url.full": "http://h"}, None, None),
        ({"url.full": "http://[bad/p"}, None, None),
        ({"http.target": "http://[bad/p"}, None, None),
        ({"http.target": 7}, None, None),
        ({"http.target": ""}, None, None),
    ],
)
def test_the_path_comes_from_whatever_names_it(
    given: dict[str, AttributeValue], path: str | None, query: str | None
) -> None:
    today = normalised(given)
    assert (today.get("url.path"), today.get("url.query")) == (path, query)


@pytest.mark.parametrize(
    ("function", "namespace", "expected"),
    [
        ("charge", "shop.payments", "shop.payments.charge"),
        ("shop.payments.charge", "shop.payments", "shop.payments.charge"),
        ("apply", "app", "app.apply"),
        ("charge", None, "charge"),
        ("charge", "", "charge"),
        (None, "shop.payments", None),
    ],
)
def test_namespace_and_function_are_joined(function: str | None, namespace: str | None, expected: str | None) -> None:
    given = {"code.function": function, "code.namespace": namespace}
    today = normalised({name: value for name, value in given.items() if value is not None})
    assert today.get("code.function.name") == expected
    assert "code.namespace" not in today


@pytest.mark.parametrize(
    ("attributes", "revision"),
    [
        ({}, None),
        ({"vcs.ref.head.revision": "main-1"}, "main-1"),
        ({"vcs.repository.ref.revision": COMMIT}, COMMIT),
        ({"service.version": COMMIT}, COMMIT),
        ({"service.version": COMMIT + COMMIT[:24]}, COMMIT + COMMIT[:24]),
        ({"service.version": "1.2.3"}, None),
        ({"service.version": COMMIT[:7]}, None),
        ({"service.version": COMMIT, "vcs.ref.head.revision": "told"}, "told"),
        ({"service.version": 7}, None),
        ({"vcs.ref.head.revision": ""}, None),
    ],
)
def test_the_revision_is_told_or_a_version_that_is_a_commit(
    attributes: dict[str, AttributeValue], revision: str | None
) -> None:
    assert resource_of(attributes).revision == revision


def test_a_resource_names_service_and_environment_or_says_that_nobody_did() -> None:
    nobody = resource_of({})
    assert (nobody.service, nobody.environment) == ("unknown_service", None)
    old = resource_of({"service.name": "shop", "deployment.environment": "dev"})
    assert (old.service, old.environment) == ("shop", "dev")
    assert old.attributes == {"service.name": "shop", "deployment.environment.name": "dev"}
    assert resource_of({"service.name": ["odd"], "deployment.environment.name": 7}).service == "unknown_service"
