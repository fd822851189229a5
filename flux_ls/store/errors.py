"""What can be wrong with a store or with a question to it, each in words that name what to do."""

from pathlib import Path

from flux_ls.model import Request


class StoreError(Exception):
    """The store cannot be used as asked."""


class StoreRefused(StoreError):
    """Nothing of this version can use it as it is, its collector neither: before that, nothing else can be mended."""


class StoreMissing(StoreError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no store at {path} yet: start the collector with 'flux serve' and send it a trace")


class StoreBusy(StoreError):
    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"the store {path} cannot be written right now ({detail}); try again")


class StoreCorrupt(StoreError):
    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"the store {path} is damaged ({detail}); the collector moves it aside and starts a new one when it starts"
        )


class StoreTooNew(StoreRefused):
    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"the store {path} was written by a newer version of flux (schema {found}, this version knows {known}): "
            "upgrade flux-ls, or name another store with --store or FLUX_STORE"
        )


class StoreOutdated(StoreError):
    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"the store {path} was written by an older version of flux (schema {found}, this version reads {known}): "
            "start the collector once with 'flux serve' to migrate it"
        )


class StoreUnreachable(StoreRefused):
    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"the store {path} cannot be used ({detail}): check its permissions, or name another with --store"
        )


class NotAStore(StoreRefused):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is not a store of flux and is left as it is: name another file with --store or FLUX_STORE"
        )


class StoreReplaced(StoreError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"the store {path} was replaced by a new one: open it again")


class RequestNotFound(StoreError):
    def __init__(self, prefix: str) -> None:
        super().__init__(f"no request {prefix!r} is recorded: 'flux tail --since 1h --no-follow' lists the recent ones")
        self.prefix = prefix


class BadRequestId(StoreError):
    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is not a request id: give at least 4 hex digits of a trace id, or the service's own request id"
        )
        self.text = text


class AmbiguousRequest(StoreError):
    def __init__(self, prefix: str, candidates: tuple[Request, ...]) -> None:
        super().__init__(f"{prefix!r} fits {len(candidates)} or more requests: give more digits")
        self.prefix = prefix
        self.candidates = candidates


class TableNotFound(StoreError):
    def __init__(self, table: str, close: tuple[str, ...], known: tuple[str, ...]) -> None:
        if close:
            hint = f"did you mean {' or '.join(close)}?"
        elif known:
            hint = f"there are changes of {', '.join(known)}"
        else:
            hint = "none of any table are: row changes are recorded by 'flux run -- COMMAND'"
        super().__init__(f"no changes of a table {table!r} are recorded: {hint}")
        self.table = table
        self.candidates = close or known


class AmbiguousTable(StoreError):
    def __init__(self, table: str, candidates: tuple[str, ...]) -> None:
        super().__init__(f"{table!r} may be any of {', '.join(candidates)}: give the name in full")
        self.table = table
        self.candidates = candidates


class RowNotFound(StoreError):
    def __init__(self, table: str, key: str, recent: tuple[str, ...]) -> None:
        if recent:
            hint = f"the rows that changed last are {'; '.join(recent)}"
        else:
            hint = "the primary keys of its rows were not recorded"
        super().__init__(f"no change of {table} {key!r} is recorded: {hint}")
        self.table = table
        self.key = key
        self.candidates = recent
