"""What Java 17 printed, and what Kotlin, Scala, proxies and log frameworks make of a line."""

import pytest

from flux_ls.model import Raised
from flux_ls.otlp.stacktrace import detect_language, parse_stacktrace

REFLECTED = """\
java.lang.reflect.InvocationTargetException
	at java.base/jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)
	at java.base/java.lang.reflect.Method.invoke(Method.java:569)
	at com.shop.Shop.viaReflect(Shop.java:10)
	at com.shop.Shop.main(Shop.java:13)
Caused by: com.shop.Shop$PayException: payment
failed
	at com.shop.Shop.pay(Shop.java:8)
	at java.base/java.util.stream.ReferencePipeline$3$1.accept(ReferencePipeline.java:197)
	at com.shop.Shop.viaStream(Shop.java:9)
	... 4 more
Caused by: java.lang.IllegalArgumentException: bad card
	at fake.Fake.fake(Fake.java:1)
Caused by: fake.Fake: no
more
	at com.shop.Shop.charge(Shop.java:7)
	... 7 more
"""

SUPPRESSED = """\
com.shop.Shop$PayException: payment
failed
	at com.shop.Shop.pay(Shop.java:8)
	at com.shop.Shop.lambda$res$1(Shop.java:11)
	at com.shop.Shop.res(Shop.java:11)
	at com.shop.Shop.main(Shop.java:15)
	Suppressed: java.lang.IllegalStateException: close failed
		at com.shop.Shop$Res.close(Shop.java:5)
		... 2 more
	Caused by: java.lang.RuntimeException: why
		... 3 more
Caused by: java.lang.IllegalArgumentException: bad card
	at com.shop.Shop.charge(Shop.java:7)
	... 4 more
"""


def lines(raised: Raised) -> list[tuple[str, int]]:
    return [(frame.function, frame.line) for frame in raised.frames]


def test_causes_with_the_frames_they_share() -> None:
    assert detect_language(REFLECTED) == "java"
    raised = parse_stacktrace(REFLECTED, type="java.lang.reflect.InvocationTargetException")
    outer = [
        ("com.shop.Shop.main", 13),
        ("com.shop.Shop.viaReflect", 10),
        ("java.lang.reflect.Method.invoke", 569),
        ("jdk.internal.reflect.NativeMethodAccessorImpl.invoke0", 0),
    ]
    assert lines(raised) == outer
    assert [frame.in_app for frame in raised.frames] == [True, True, False, False]
    assert raised.frames[0].path == "com/shop/Shop.java"
    cause = raised.cause
    assert cause is not None
    assert (cause.type, cause.message) == ("com.shop.Shop$PayException", "payment\nfailed")
    assert lines(cause)[:4] == outer
    assert lines(cause)[-1] == ("com.shop.Shop.pay", 8)


def test_cause_whose_message_looks_like_frames() -> None:
    text = REFLECTED.replace("Caused by: fake.Fake: no\n", "")
    raised = parse_stacktrace(text, type="java.lang.reflect.InvocationTargetException")
    assert raised.cause is not None
    root = raised.cause.cause
    assert root is not None
    assert (root.type, root.message) == (
        "java.lang.IllegalArgumentException",
        "bad card\n\tat fake.Fake.fake(Fake.java:1)\nmore",
    )
    assert lines(root)[-2:] == [("com.shop.Shop.pay", 8), ("com.shop.Shop.charge", 7)]
    assert len(root.frames) == 8


def test_suppressed_is_a_note() -> None:
    raised = parse_stacktrace(SUPPRESSED, type="com.shop.Shop.PayException", message="payment\nfailed")
    assert raised.type == "com.shop.Shop$PayException"
    assert raised.notes == ("Suppressed: java.lang.IllegalStateException: close failed",)
    assert [line for _, line in lines(raised)] == [15, 11, 11, 8]
    assert raised.cause is not None
    assert [line for _, line in lines(raised.cause)] == [15, 11, 11, 8, 7]
    assert raised.cause.cause is None


def test_recorded_message_tells_nothing() -> None:
    message = f"remote said: {REFLECTED}"
    raised = parse_stacktrace(
        f"com.shop.Failed: {message}\n\tat com.shop.A.b(A.java:3)\n", type="com.shop.Failed", message=message
    )
    assert (lines(raised), raised.cause) == ([("com.shop.A.b", 3)], None)


def test_circular_causes() -> None:
    text = (
        "java.lang.Exception: b\n\tat com.shop.A.m(A.java:17)\nCaused by: java.lang.Exception: a\n\t... 1 more\n"
        "Caused by: [CIRCULAR REFERENCE: java.lang.Exception: b]\n"
    )
    raised = parse_stacktrace(text, type="java.lang.Exception", message="b")
    assert raised.cause is not None
    assert (raised.cause.message, lines(raised.cause), raised.cause.cause) == ("a", [("com.shop.A.m", 17)], None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("at com.shop.CartKt.main(Cart.kt:3)", ("com/shop/Cart.kt", 3, "com.shop.CartKt.main", True)),
        ("at shop.Cart$.$anonfun$total$1(Cart.scala:3)", ("shop/Cart.scala", 3, "shop.Cart$.$anonfun$total$1", True)),
        ("at Main.main(Main.java:3)", ("Main.java", 3, "Main.main", True)),
        ("at com.shop.Cart.<init>(Cart.java:3)", ("com/shop/Cart.java", 3, "com.shop.Cart.<init>", True)),
        ("at app//com.shop.Cart.total(Cart.java:3)", ("com/shop/Cart.java", 3, "com.shop.Cart.total", True)),
        ("at shop@1.2/com.shop.Cart.total(Cart.java:3)", ("com/shop/Cart.java", 3, "com.shop.Cart.total", True)),
        ("at com.shop.Cart.total(Cart.java:3) ~[shop.jar:1.2]", ("com/shop/Cart.java", 3, "com.shop.Cart.total", True)),
        ("at com.shop.Cart.total(Cart.java)", ("com/shop/Cart.java", 0, "com.shop.Cart.total", False)),
        ("at com.shop.Cart.total(Unknown Source)", ("Unknown Source", 0, "com.shop.Cart.total", False)),
        ("at org.hibernate.X.y(X.java:3)", ("org/hibernate/X.java", 3, "org.hibernate.X.y", False)),
        (
            "at com.shop.Cart$$EnhancerBySpringCGLIB$$1f.total(<generated>:3)",
            ("<generated>", 3, "com.shop.Cart$$EnhancerBySpringCGLIB$$1f.total", False),
        ),
    ],
)  # fmt: skip
def test_one_line(line: str, expected: tuple[str, int, str, bool]) -> None:
    raised = parse_stacktrace(f"a.B: x\n\t{line}\n", type="a.B", message="x", language="java")
    assert [(frame.path, frame.line, frame.function, frame.in_app) for frame in raised.frames] == [expected]


def test_thread_and_type() -> None:
    text = 'Exception in thread "main" com.shop.PayException: final\n\tat com.shop.Shop.main(Shop.java:20)\n'
    raised = parse_stacktrace(text, message="final")
    assert (raised.type, raised.message, lines(raised)) == (
        "com.shop.PayException",
        "final",
        [("com.shop.Shop.main", 20)],
    )
