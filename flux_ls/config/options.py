"""Every setting: its name, how its values read, and the words for it."""

from collections.abc import Callable

from msgspec import Struct

from flux_ls.config.values import (
    Place,
    address,
    budget,
    calls,
    command,
    days,
    file,
    grpc_port,
    hints,
    http_port,
    pairs,
    seconds,
    services,
    share,
    store_size,
    switch,
    texts,
    word,
)


class Option(Struct, frozen=True):
    """One setting: its name, how its values read, and the words for it in help and documentation."""

    name: str
    read: Callable[[object, Place], object]
    """The value, or `Rejected`."""
    accepts: str
    help: str

    @property
    def env(self) -> str:
        return "FLUX_" + self.name.upper()

    @property
    def editor(self) -> str:
        head, *rest = self.name.split("_")
        return "flux." + head + "".join(word.capitalize() for word in rest)

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


OPTIONS: tuple[Option, ...] = (
    Option("store", file, "the path of a file", "The SQLite file that holds what was recorded."),
    Option("otlp_http_port", http_port, "a port, 1 to 65535", "Where the collector listens for OTLP over HTTP."),
    Option(
        "otlp_grpc_port",
        grpc_port,
        "a port, 1 to 65535, or 0 for none",
        "Where the collector listens for OTLP over gRPC; 0 turns it off.",
    ),
    Option(
        "path_map",
        pairs,
        "pairs of folders, RECORDED=LOCAL (/srv/app=.)",
        "Where the files of a recorded folder are on this machine, for services that run in a container or elsewhere.",
    ),
    Option(
        "in_app_include",
        texts,
        "a list of path or module prefixes",
        "Code that counts as yours even where a library usually lives.",
    ),
    Option(
        "in_app_exclude",
        texts,
        "a list of path or module prefixes",
        "Code that does not count as yours: it is never shown as the place of a failure.",
    ),
    Option(
        "retention_days",
        days,
        "a number of days, 0 for no limit",
        "Requests older than this are removed.",
    ),
    Option(
        "retention_bytes",
        store_size,
        "a size of 1 MiB or more, such as 2147483648 or 2GiB, or 0 for no limit",
        "Above this size of the store, the oldest requests are removed.",
    ),
    Option(
        "idle_exit",
        seconds,
        "a number of seconds, 0 for never",
        "The background collector exits after this long without telemetry and without anybody watching.",
    ),
    Option(
        "collector",
        switch,
        "true or false",
        "Start the background collector when a command or the editor needs it.",
    ),
    Option(
        "show_handled",
        switch,
        "true or false",
        "Show errors that were handled on the way (retries, fallbacks) in the editor, as warnings.",
    ),
    Option("traffic_lens", switch, "true or false", "Show traffic (requests, p95) above handlers in the editor."),
    Option(
        "hints_per_file",
        hints,
        "a whole number, 1 or more",
        "How many hints one file shows at most, those that matter most; the last one says how many are left out.",
    ),
    Option("inlay_hints", switch, "true or false", "Show the recorded values of the failing run in the code."),
    Option(
        "functions",
        texts,
        "a list of patterns (shop.*)",
        "Functions whose inputs and outputs `flux run` records, by module and qualified name.",
    ),
    Option(
        "redact_keys",
        texts,
        "a list of words",
        "Names of values that are secret, besides those that always are (password, authorization, api_key ...).",
    ),
    Option(
        "record_rate",
        share,
        "a number from 0 to 1",
        "The share of successful requests that `flux run` records; failures are recorded always.",
    ),
    Option(
        "record_value_bytes",
        budget,
        "a size from 64 bytes to 1 MiB",
        "How much of one value `flux run` records; what is cut says so.",
    ),
    Option(
        "record_span_bytes",
        budget,
        "a size from 64 bytes to 1 MiB",
        "How much of all values of one span `flux run` records; small values survive big ones.",
    ),
    Option(
        "record_calls",
        calls,
        "a whole number",
        "How many calls of one function `flux run` records in a request; the others are counted.",
    ),
    Option(
        "record_row_reads",
        switch,
        "true or false",
        "Let `flux run` read the rows that an UPDATE or DELETE is about to change, where that is harmless: a few rows, "
        "in the same transaction. Without it, what they held before is known only where the ORM knows it.",
    ),
    Option(
        "python",
        command,
        "the path of a Python interpreter, or its name on PATH",
        "The project's own interpreter, where it cannot be told from the command.",
    ),
    Option(
        "app",
        word,
        "a module and a name in it (shop.web:app, shop.web:create_app, shop.web:create_app('dev'))",
        "The application that a replay runs, where neither the start command nor looking for it gives the right one.",
    ),
    Option(
        "replay_allow",
        services,
        "services of this machine, localhost:PORT or the path of a socket",
        "What a replay may reach: all else is answered from the recording or refused.",
    ),
    Option(
        "explain_provider",
        word,
        "anthropic or openai",
        "Who `flux explain --send` asks; openai stands for every service that speaks its protocol.",
    ),
    Option("explain_model", word, "a model's name", "The model that `flux explain --send` asks."),
    Option("explain_url", address, "an address (http://127.0.0.1:11434/v1)", "Where the provider is, if not at home."),
)
