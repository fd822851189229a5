"""`flux errors`: the list, and dismissing."""

import re
import time

from flux_ls.collector.ingest import Ingest
from tests.recorded import Recorded
from tests.telemetry import Raises, http, span

from .conftest import Flux


def test_the_list(flux: Flux, recorded: Recorded) -> None:
    revision = "c0ffee" + "0" * 34
    ids = [recorded.add(recorded.failing_signup(), resource={"vcs.ref.head.revision": revision}) for _ in range(2)]
    ran = flux("errors")
    assert ran.code == 0
    assert (
        re.sub(r"[0-9a-f]{12}\n", "FINGERPRINT\n", re.sub(r"just now|\d+ s ago", "NOW", ran.out))
        == f"""
  TimeoutError: Stripe API timeout
    shop/payments.py : line 6  in charge
    failing · 2 times · first NOW · last NOW · req:{ids[1][:8]} · since c0ffee000000 · FINGERPRINT

"""
    )


def test_nothing_fails(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/"))
    assert flux("errors").out == "\n  No errors.\n\n"
    assert flux("errors", "--json").json == [{"groups": []}]
    assert flux("errors").err == ""


def test_of_nothing_that_is_recorded_nothing_can_fail(flux: Flux, recorded: Recorded) -> None:
    Ingest(recorded.store).close()
    ran = flux("errors")
    assert ran.out == "\n  No errors.\n\n"
    assert ran.err.startswith("flux: nothing is recorded yet: 'flux doctor'")


def test_since(flux: Flux, recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup(), at_ns=10**18)
    assert flux("errors", "--since", "1h", "--json").json == [{"groups": []}]
    assert len(flux("errors", "--since", "2001-01-01", "--json").json[0]["groups"]) == 1


def test_dismissed_groups_are_hidden_and_can_be_restored(flux: Flux, recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup())
    fingerprint = flux("errors", "--json").json[0]["groups"][0]["fingerprint"]
    ran = flux("errors", "--dismiss", fingerprint[:6])
    assert (ran.code, ran.out) == (0, f"Dismissed {fingerprint}\n")
    assert "Not shown: 1 dismissed (--all shows them)" in flux("errors").out
    assert flux("errors", "--json").json == [{"groups": []}]
    assert flux("errors", "--all", "--json").json[0]["groups"][0]["state"] == "dismissed"
    assert flux("errors", "--restore", fingerprint, "--json").json == [
        {"fingerprint": fingerprint, "state": "restored"}
    ]
    assert flux("errors", "--json").json[0]["groups"][0]["state"] == "failing"


def test_dismissing_what_is_not_there_or_not_one(flux: Flux, recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup())
    file = str(recorded.payments)
    for name in map(str, range(40)):
        recorded.add(http("GET", "/x", 500, raises=Raises(f"Error{name}", "", ((file, 11, "signup", ""),))))
    assert flux("errors", "--dismiss", "zz").code == 3
    assert "flux errors --all" in flux("errors", "--dismiss", "zz").err
    groups = flux("errors", "--json").json[0]["groups"]
    first_digits = [group["fingerprint"][0] for group in groups]
    shared = next(digit for digit in first_digits if first_digits.count(digit) > 1)
    assert flux("errors", "--dismiss", shared).code == 4
    assert flux("errors", "--dismiss", "").code == 3


def test_a_group_without_a_location_says_why(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/", 500))
    assert "    no location: no exception was recorded" in flux("errors").out


def test_what_is_resolved_names_the_run_that_proves_it(flux: Flux, recorded: Recorded) -> None:
    failed = recorded.add(recorded.failing_signup(), resource={"vcs.ref.head.revision": "a" * 40})
    good = recorded.add(
        http("POST", "/signup", 201, route="/signup"),
        at_ns=time.time_ns(),
        resource={"vcs.ref.head.revision": "b" * 40},
    )
    assert "Not shown: 1 resolved (--all shows them)" in flux("errors").out
    proof = f"fixed: req:{good[:8]} 201"
    assert f"    resolved · 1 time · first just now · last just now · req:{failed[:8]} · {proof} · " in re.sub(
        r"\d+ s ago", "just now", flux("errors", "--all").out
    )
    (group,) = flux("errors", "--all", "--json").json[0]["groups"]
    assert (group["state"], group["resolved_by"]["request_id"], group["resolved_by"]["status"]) == (
        "resolved",
        good,
        201,
    )
    assert f"\n  resolved · {proof} (" in flux("why", failed).out
    assert flux("why", failed, "--json").json[0]["group"]["resolved_by"] == group["resolved_by"]


def test_handled_errors_are_in_the_list(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/", ms=50, children=[span("charge", raises=recorded.timeout())]))
    assert "    handled · 1 time" in flux("errors").out


def test_services_of_one_workspace_that_look_alike_are_both_placed(flux: Flux, recorded: Recorded) -> None:
    text = "def create():\n    raise KeyError('x')\n"
    for at, service in enumerate(("alpha", "beta")):
        file = str(recorded.write(f"{service}/app/main.py", text))
        fault = Raises("KeyError", "'x'", ((file, 2, "create", "raise KeyError('x')"),))
        recorded.add(http("POST", "/", 500, raises=fault), service=service, at_ns=10**18 + at)
    out = flux("errors").out
    assert "\n    beta/app/main.py : line 2  in create\n    also alpha/app/main.py : line 2  in create\n" in out
    (group,) = flux("errors", "--json").json[0]["groups"]
    assert [each["path"] for each in group["other_locations"]] == ["alpha/app/main.py"]
