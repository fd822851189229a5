"""The names on the wire: what a recorder adds to OpenTelemetry spans, for recorders in any language.

Everything is a string, a number or a boolean, so that any OTLP pipeline and backend carries it. Attributes that hold
JSON hold it as text. `FORMAT.md` beside this file is the page for people who write a recorder.
"""

from typing import Final

FORMAT: Final = 1
"""The version of this format, sent as `RECORDER_FORMAT`. A reader ignores names that it does not know."""

# Resource attributes.
RECORDER: Final = "flux.recorder"
"""Who recorded: `python/0.1.0`."""
RECORDER_FORMAT: Final = "flux.recorder.format"
REVISION: Final = "vcs.ref.head.revision"
DIRTY: Final = "flux.vcs.dirty"
"""Boolean: the checkout had uncommitted changes when the process started."""
DROPPED: Final = "flux.dropped_spans"
"""Number: spans that this process had to drop up to now, because the receiver was gone or too slow; absent for none."""
COMMAND: Final = "process.command_args"
"""The words that the process was started with, Python's own options left out. As OpenTelemetry names it: an array."""
WORKING_FOLDER: Final = "process.working_directory"
"""The folder that it was started in."""
FLASK_APP: Final = "flux.process.flask_app"
"""What the variable FLASK_APP says; absent when it is not set."""
DJANGO_SETTINGS: Final = "flux.process.django_settings"
"""What the variable DJANGO_SETTINGS_MODULE says; absent when it is not set."""

# Span attributes.
INPUT: Final = "flux.input"
"""JSON object: the arguments by name; of a request, `method`, `path`, `query`, `headers`, `body`; of an outbound call,
`method`, `url`, `headers`, `body`."""
OUTPUT: Final = "flux.output"
"""JSON value: what was returned or, of a generator, what it yielded; of a request or an outbound call, an object with
`status`, `headers`, `body` and, where an outbound call followed them, `redirects`: the answers before it, each with
`status`, `url`, `headers`."""
LOCALS: Final = "flux.locals"
"""JSON array, from the outermost in-app frame to the line that raised: `path`, `line`, `function`, `locals`. What a
span further in has told of is not told again."""
BLOBS: Final = "flux.vcs.blobs"
"""JSON object: git blob id by path, for files of the failing stack that differ from the revision."""
OMITTED_CALLS: Final = "flux.calls.omitted"
"""JSON object on the request's first span: by function, how many calls were counted and not kept."""
OMITTED_ROWS: Final = "flux.rows.omitted"
"""Number, on a transaction's span: row changes that were counted and not kept."""
OUTCOME: Final = "flux.transaction.outcome"
"""`committed`, `rolled_back` or `unknown`."""

TRANSACTION: Final = "transaction"
"""The name of the span that stands for a database transaction with row changes: from the first write to the end."""

# Span events of a transaction's span.
ROW_CHANGE: Final = "flux.row_change"
ROW_TABLE: Final = "db.collection.name"
ROW_KEY: Final = "flux.row.key"
"""JSON object: the primary key by column."""
ROW_OPERATION: Final = "flux.row.operation"
"""`insert`, `update` or `delete`."""
ROW_BEFORE: Final = "flux.row.before"
ROW_AFTER: Final = "flux.row.after"
"""JSON objects by column: only the columns that changed, of an update; absent where there is no row."""
ROW_OUTCOME: Final = "flux.row.outcome"
"""As `OUTCOME`: a savepoint may have been rolled back inside a transaction that was committed."""
ROW_SPAN: Final = "flux.row.span_id"
"""The span, as 16 hex digits, in which the row was written: a transaction outlives the functions that write."""

REDACTED: Final = "[redacted]"
"""Stands for a secret, whatever its type was."""

# Marks in recorded JSON. An object that really has a key with a leading `$` has it doubled (`$$ref`).
CUT: Final = "$cut"
"""`{"$cut": "the beginning", "length": 123456}`: a text or bytes longer than its budget; `length` counts all of it."""
MORE: Final = "$more"
"""How many more there were: in an object as a key, in an array as the last element `{"$more": 995}`."""
TYPE: Final = "$type"
"""The qualified type of an object whose fields stand beside it, or of one that is told by `$repr`."""
REPR: Final = "$repr"
"""`{"$type": "…", "$repr": "…"}`: a value that has no better form."""
BYTES: Final = "$bytes"
"""`{"$bytes": "base64"}`: bytes that are no text; with `length` when cut."""
REF: Final = "$ref"
"""`{"$ref": "the type"}`: an object that contains itself."""
DEEP: Final = "$deep"
"""`{"$deep": "the type"}`: nested deeper than is recorded."""
UNLOADED: Final = "$unloaded"
"""`{"$unloaded": true}`: an attribute that would have had to be loaded to be seen."""
UNREADABLE: Final = "$unreadable"
"""`{"$unreadable": "the error's type"}`: looking at the value failed."""
FLOAT: Final = "$float"
"""`{"$float": "nan"}`: a number that JSON does not have (`nan`, `inf`, `-inf`)."""

MARKS: Final = frozenset({CUT, MORE, TYPE, REPR, BYTES, REF, DEEP, UNLOADED, UNREADABLE, FLOAT})
