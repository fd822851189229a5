"""A container's files in the terminal: other failures of the store say where its folders are."""

from tests.recorded import Recorded
from tests.telemetry import Raises, http

from .conftest import Flux

START = "def start(port):\n    return serve(app, port)\n"


def test_other_failures_say_where_a_file_is(flux: Flux, recorded: Recorded) -> None:
    for service in "ab":
        recorded.write(f"services/{service}/main.py", START)
    recorded.write("services/a/orders/pay.py", "def pay():\n    return card.charge()\n")
    fault = Raises("OSError", "no port", (("/app/main.py", 2, "start", "return serve(app, port)"),))
    id = recorded.add(http("GET", "/", 500, raises=fault))
    (alone,) = flux("why", id, "--json").json
    assert alone["location"]["anchor"] == "unmapped"
    assert alone["location"]["candidates"] == ["services/a/main.py", "services/b/main.py"]
    doctor = flux("doctor", id)
    assert doctor.code == 1
    assert "First broken link: paths" in doctor.out
    assert "(services/a/main.py, services/b/main.py)" in " ".join(doctor.out.split())
    assert 'path_map = ["/app=services/a"]' in doctor.out
    other = Raises("OSError", "no card", (("/app/orders/pay.py", 2, "pay", "return card.charge()"),))
    recorded.add(http("GET", "/pay", 500, raises=other))
    doctor = flux("doctor", id)
    assert doctor.code == 0
    words = " ".join(doctor.out.split())
    assert "· paths services/a/main.py, recorded as /app/main.py; learned: /app is services/a" in words
    assert 'set path_map = ["/app=services/a"] in [tool.flux] of pyproject.toml' in words
    (told,) = flux("why", id, "--json").json
    assert (told["location"]["anchor"], told["location"]["path"]) == ("exact", "services/a/main.py")
