"""What Go 1.26 printed for a service that panics, and errors with stacks."""

from flux_ls.otlp.stacktrace import detect_language, parse_stacktrace

RECOVERED = """\
goroutine 19 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
main.handler.func1()
	/srv/shop/main.go:15 +0x5f
panic({0x4b0540?, 0x581520?})
	/usr/local/go/src/runtime/panic.go:860 +0x13a
example.com/shop/cart.(*Cart).Total(...)
	/srv/shop/cart/cart.go:6
main.handler.func2(...)
	/srv/shop/main.go:19
example.com/shop/cart.Map[...](...)
	/srv/shop/cart/cart.go:11
main.handler()
	/srv/shop/main.go:19 +0x47
main.main.func1()
	/srv/shop/main.go:33 +0x1c
created by main.main in goroutine 1
	/srv/shop/main.go:33 +0x5f

goroutine 1 [chan receive]:
main.other()
	/srv/shop/other.go:1 +0x1
"""

PANIC = """\
panic: first [recovered]
	panic: again
	
	goroutine 1 [running]:
	fake.f()
		/x/fake.go:1 +0x1
	first

goroutine 1 [running]:
main.repanic.func1()
	/srv/shop/main.go:26 +0x54
panic({0x4ab5e0?, 0x4d1418?})
	/usr/local/go/src/runtime/panic.go:860 +0x13a
main.repanic()
	/srv/shop/main.go:28 +0x3e
main.main()
	/srv/shop/main.go:35 +0x70
exit status 2
"""  # noqa: W293


def test_the_fault_is_below_the_panic() -> None:
    assert detect_language(RECOVERED) == "go"
    raised = parse_stacktrace(RECOVERED, type="runtime.Error", message="nil pointer dereference")
    assert [(frame.function, frame.path.rpartition("/")[2], frame.line) for frame in raised.frames if frame.in_app] == [
        ("main.main", "main.go", 33),
        ("main.main.func1", "main.go", 33),
        ("main.handler", "main.go", 19),
        ("example.com/shop/cart.Map[...]", "cart.go", 11),
        ("main.handler.func2", "main.go", 19),
        ("example.com/shop/cart.(*Cart).Total", "cart.go", 6),
    ]
    assert not raised.frames[-1].in_app
    assert raised.frames[-1].language == "go"


def test_panic_whose_message_looks_like_a_stack() -> None:
    message = "again\n\ngoroutine 1 [running]:\nfake.f()\n\t/x/fake.go:1 +0x1\nfirst"
    for given in (message, ""):
        raised = parse_stacktrace(PANIC, type="string", message=given, language="go")
        assert [(frame.function, frame.line) for frame in raised.frames if frame.in_app] == [
            ("main.main", 35),
            ("main.repanic", 28),
        ]


def test_message_with_an_unindented_header() -> None:
    message = "boom\ngoroutine 7 [running]:\nfake.f()\n\t/x/fake.go:1 +0x1"
    raised = parse_stacktrace(f"panic: {message}\n\n{RECOVERED}", type="e", message=message)
    assert raised.frames[0].path == "/srv/shop/main.go"
    assert not any("fake" in frame.path for frame in raised.frames)


def test_error_with_a_stack() -> None:
    text = (
        "not found\nmain.find\n\t/srv/shop/main.go:10\nmain.(*S).Get\n\t/srv/shop/main.go:20\n"
        "runtime.main\n\t/usr/local/go/src/runtime/proc.go:250\n"
    )
    raised = parse_stacktrace(text, type="*errors.fundamental", message="not found", language="go")
    assert [(frame.function, frame.in_app) for frame in raised.frames] == [
        ("runtime.main", False),
        ("main.(*S).Get", True),
        ("main.find", True),
    ]


def test_as_recorded_by_the_sdk() -> None:
    text = (
        "goroutine 1 [running]:\n"
        "go.opentelemetry.io/otel/sdk/trace.recordStackTrace()\n"
        "\t/root/go/pkg/mod/go.opentelemetry.io/otel/sdk@v1.28.0/trace/span.go:463 +0xa5\n"
        "main.pay({0x1, 0x2}, 0x3)\n"
        "\tC:/work/shop/main.go:23 +0x1d\n"
    )
    raised = parse_stacktrace(text, type="*errors.errorString", message="declined")
    assert [(frame.path, frame.function, frame.in_app) for frame in raised.frames] == [
        ("C:/work/shop/main.go", "main.pay", True),
        (
            "/root/go/pkg/mod/go.opentelemetry.io/otel/sdk@v1.28.0/trace/span.go",
            "go.opentelemetry.io/otel/sdk/trace.recordStackTrace",
            False,
        ),
    ]
