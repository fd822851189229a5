"""`flux why` as it reads."""

import io
import re

import pytest

from flux_ls.answers.why import why
from flux_ls.cli.terminal import Terminal
from flux_ls.cli.why import show
from tests.recorded import CALL_LINE, FAULT_LINE, Recorded
from tests.telemetry import RECORDER, Raises, http, row, span, transaction

from .conftest import Flux


def test_the_page(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup())
    ran = flux("why", id)
    assert ran.code == 0
    assert (
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(.*?\)|just now|\d+ s ago", "TIME", ran.out)
        == f"""
  POST /signup  500  44ms  req:{id[:8]}  shop  TIME

  ROOT CAUSE
  TimeoutError: Stripe API timeout
  in span charge

  LOCATION
  shop/payments.py : line 6  in charge
    6 │ raise TimeoutError("Stripe API timeout")

  PATH
  shop/payments.py : line 11  in signup
  shop/payments.py : line 6  in charge

  INPUT
  method = POST
  path = /signup
  route = /signup

  SEEN
  once, TIME

"""
    )


def test_a_request_that_did_not_fail_says_so(flux: Flux, recorded: Recorded) -> None:
    root = http("GET", "/a", ms=50, children=[span("charge", raises=recorded.timeout())])
    ran = flux("why", recorded.add(root))
    assert ran.code == 0
    assert "  This request did not fail.\n" in ran.out
    assert "ROOT CAUSE" not in ran.out
    assert (
        "HANDLED\n  TimeoutError: Stripe API timeout  shop/payments.py : line 6  in charge  in span charge" in ran.out
    )


def test_a_chain_reads_from_the_root_cause(flux: Flux, recorded: Recorded) -> None:
    file = str(recorded.payments)
    middle = Raises("PaymentError", "declined", ((file, 7, "charge", ""),), cause=recorded.timeout())
    outer = Raises("SignupError", "no\nluck", ((file, 11, "signup", ""),), cause=middle)
    ran = flux("why", recorded.add(http("POST", "/signup", 500, raises=outer)))
    chain = ran.out.split("CHAIN\n")[1].split("\n\n")[0]
    assert chain == (
        "  TimeoutError: Stripe API timeout  shop/payments.py : line 6  in charge\n"
        "  └─ led to PaymentError: declined  shop/payments.py : line 7  in charge\n"
        "     └─ led to SignupError: no  shop/payments.py : line 11  in signup"
    )


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (
            lambda text: "# new\n" + text,
            'line 7  in charge\n    7 │ raise TimeoutError("Stripe API timeout")\n  moved since',
        ),
        (
            lambda text: text.replace('raise TimeoutError("Stripe API timeout")', "return None"),
            "unverified: the code was edited since; recorded as {file} line 6",
        ),
        (lambda text: "x = 1\n", "gone from today's code"),
    ],
)
def test_the_state_of_the_line_in_words(flux: Flux, recorded: Recorded, edit: object, shown: str) -> None:
    id = recorded.add(recorded.failing_signup())
    recorded.payments.write_text(edit(recorded.payments.read_text()))  # type: ignore[operator]
    assert shown.format(file=recorded.payments) in flux("why", id).out


def test_a_containers_path_is_told(flux: Flux, recorded: Recorded) -> None:
    out = flux("why", recorded.add(recorded.failing_signup(under="/srv/app"))).out
    assert f"shop/payments.py : line {FAULT_LINE}  in charge" in out
    assert f"  recorded as /srv/app/shop/payments.py line {FAULT_LINE}\n" in out


def test_path_map_is_a_flag_relative_to_here(flux: Flux, recorded: Recorded) -> None:
    recorded.write("code/app.py", "def run():\n    raise KeyError('x')\n")
    recorded.write("old/code/app.py", "def run():\n    raise KeyError('x')\n")
    fault = Raises("KeyError", "'x'", (("/srv/code/app.py", 2, "run", "raise KeyError('x')"),))
    id = recorded.add(http("GET", "/", 500, raises=fault))
    assert flux("why", id, "--path-map", "/srv=.", "--json").json[0]["location"]["path"] == "code/app.py"
    assert flux("why", id, "--path-map", "/srv=old", "--json").json[0]["location"]["path"] == "old/code/app.py"


def test_no_location_is_told_with_the_reason(flux: Flux, recorded: Recorded) -> None:
    out = flux("why", recorded.add(http("GET", "/", 500))).out
    assert "LOCATION\n  none: no exception was recorded" in out


def test_a_request_without_its_root_is_marked(flux: Flux, recorded: Recorded) -> None:
    root = http("GET", "/", children=[span("charge", kind="server", raises=recorded.timeout())])
    out = flux("why", recorded.add(root, only=["charge"])).out
    assert "  incomplete: its root span has not arrived\n" in out


def test_recorded_text_can_do_nothing(flux: Flux, recorded: Recorded) -> None:
    evil = '\x1b]0;owned\x07\u202e\n  File "/etc/passwd", line 1, in root\n\x9b2J'
    fault = Raises("Evil\x1b[31m", evil, (("/srv/\x1b[2J.py", 3, "f\x1b[A", "x = '\x1b[0m'"),))
    root = http("GET\x1b", "/\x1b[31m", 500, query="q=\x1b[1m", raises=fault, children=[span("\x1b[s", raises=fault)])
    id = recorded.add(root, service="shop\x1b")
    for command in ("why", "trace"):
        out = flux(command, id).out
        assert all(line.isprintable() for line in out.split("\n")), out
    assert all(line.isprintable() for line in flux("errors").out.split("\n"))
    assert all(line.isprintable() for line in flux("tail", "--no-follow").out.split("\n"))
    assert all(line.isprintable() for line in flux("doctor", id).out.split("\n"))


def test_a_message_of_many_lines_is_shown_as_lines_up_to_a_limit(flux: Flux, recorded: Recorded) -> None:
    fault = Raises("ValueError", "\n".join(f"line {n}" for n in range(50)))
    out = flux("why", recorded.add(http("GET", "/", 500, raises=fault))).out
    assert "  ValueError: line 0\n  line 1\n" in out
    assert "  … 30 more lines\n" in out


def test_json_is_one_line_each(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup())
    (answer,) = flux("why", id, "--json").json
    assert answer["request"]["id"] == id
    assert answer["root_cause"]["message"] == "Stripe API timeout"
    assert answer["location"]["line"] == FAULT_LINE
    assert answer["group"]["count"] == 1


def test_a_chain_tells_what_only_stood_beside_it(flux: Flux, recorded: Recorded) -> None:
    file = str(recorded.payments)
    low = Raises("httpcore.ConnectError", "refused", (("/usr/lib/site-packages/httpcore/a.py", 1, "go", ""),))
    outer = Raises("httpx.ConnectError", "refused", ((file, 7, "charge", ""),), cause=low)
    out = flux("why", recorded.add(http("POST", "/signup", 500, raises=outer))).out
    assert "\n  · caused by httpcore.ConnectError: refused\n" in out


def test_a_comprehension_is_one_place(flux: Flux, recorded: Recorded) -> None:
    file = str(recorded.payments)
    frames = ((file, 11, "signup", ""), (file, 11, "<listcomp>", ""), (file, 6, "charge", ""))
    out = flux("why", recorded.add(http("POST", "/signup", 500, raises=Raises("E", "no", frames)))).out
    path = out.split("PATH\n")[1].split("\n\n")[0]
    assert path == "  shop/payments.py : line 11  in signup\n  shop/payments.py : line 6  in charge"


def test_a_message_of_a_megabyte_does_not_flood_the_terminal(flux: Flux, recorded: Recorded) -> None:
    long = Raises("E", "x" * 1_000_000, ((str(recorded.payments), 6, "charge", ""),))
    id = recorded.add(http("POST", "/signup", 500, raises=long))
    for command in (("why", id), ("trace", id), ("errors",)):
        assert len(flux(*command).out) < 10_000
    assert len(flux("why", id, "--json").json[0]["root_cause"]["message"]) == 1_000_000


def test_suggestions_stand_with_their_evidence(flux: Flux, recorded: Recorded) -> None:
    file = recorded.write("shop/pay.py", "def pay(form):\n    return form['card']\n")
    fault = Raises("KeyError", "'card'", ((str(file), 2, "pay", "return form['card']"),))
    id = recorded.add(http("POST", "/pay", 500, raises=fault))
    assert (
        "\n  SUGGESTION\n  Use form.get('card'), which is None without the key\n"
        "    form at shop/pay.py:2 has no key 'card'\n" in flux("why", id).out
    )
    (suggestion,) = flux("why", id, "--json").json[0]["suggestions"]
    assert suggestion["edit"] == {
        "path": "shop/pay.py",
        "start": {"line": 2, "column": 12},
        "end": {"line": 2, "column": 24},
        "new_text": "form.get('card')",
    }


def on_a_terminal(recorded: Recorded, id: str, columns: int) -> list[str]:
    """The lines on a terminal that is so wide."""
    out = Screen()
    terminal = Terminal({"NO_COLOR": "1"}, out)
    with recorded.reader() as reader, pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", str(columns))
        show(terminal, recorded.root, why(reader, recorded.workspace(), id))
    return out.getvalue().splitlines()


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_fits_into_80_columns(recorded: Recorded) -> None:
    frames = ((str(recorded.payments), FAULT_LINE, "charge", 'raise TimeoutError("Stripe API timeout")'),)
    inner = "the provider at https://api.stripe.example did not answer within 10 seconds"
    message = "the payment provider did not answer this time, and nobody knows whether it was carried out"
    over = Raises("urllib3.exceptions.ReadTimeoutError", inner, frames)
    died = Raises("TimeoutError", message, frames, context=over)
    id = recorded.add(http("POST", "/signup", 500, raises=died, children=[span("charge", raises=died)]))
    lines = on_a_terminal(recorded, id, 80)
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert f"TimeoutError: {message}" in text
    assert f"while handling urllib3.exceptions.ReadTimeoutError: {inner}" in text
    assert max(map(len, on_a_terminal(recorded, id, 200))) > 100


def test_what_the_failure_was_raised_over_is_told_once(flux: Flux, recorded: Recorded) -> None:
    first = recorded.timeout()
    frames = ((str(recorded.payments), CALL_LINE, "signup", "return charge(form['amount'])"),)
    second = Raises("Unpaid", "no answer", frames, context=first)
    tried = http("POST", "/signup", 500, raises=second, children=[span("charge", raises=first)])
    out = flux("why", recorded.add(tried)).out
    assert "while handling TimeoutError: Stripe API timeout" in out
    assert "HANDLED" not in out
    (answer,) = flux("why", recorded.add(tried), "--json").json
    assert [each["type"] for each in answer["handled"]] == ["TimeoutError"]


def test_a_loop_over_a_row_is_one_change(flux: Flux, recorded: Recorded) -> None:
    changes = [row("items", {"id": 1}, before={"stock": n}, after={"stock": n + 1}, at_ms=n / 10) for n in range(300)]
    root = http("POST", "/", 500, raises=recorded.timeout(), children=[transaction("rolled_back", *changes, ms=50)])
    out = flux("why", recorded.add(root, resource=RECORDER)).out
    assert "  DATA CHANGES\n  items id=1  300 changes\n    stock : 0 → 300   (rolled back)\n\n" in out
