"""The tables: what is kept of each span, and what is maintained at ingest so that questions stay quick.

Raw spans and log records are kept as they came: a `chunk` holds the spans that one export brought of one trace, as a
MessagePack array of OTLP Span messages, under the number of the request, so that a new trace is appended at the end of
the file and not into a random place; `rooted` says that a root span may be in it. A row in `request` is a trace as the
user sees it; `issue` is an issue group at one location; `occurrence` says which request is in which issue. `seq` counts
changes over `request` and `issue` together, so that a reader can page by it and miss nothing; `pruned` counts the times
that origins or routes were removed, so that a writer knows when to forget the ids it remembers.

A `row_change` is what a request did to one row of the application's database; `source` is the span that told of it, so
that a span that comes again replaces what it said before. `request_input` is what went into a request, in few words.

What a route counts is kept by triggers, but for the requests that are added: there are many at a time, most of them of
a few routes, and the writer counts them together.

A `resolution` is the good request that showed an issue mended, kept by who saw it first: that the code was edited
before it ran is told by the time of a file, which the next edit takes away. It holds while no failure is later than
`failed_ns`.
"""

VERSION = 3
FILE_NAME = "flux.db"
APPLICATION_ID = int.from_bytes(b"Flux", "big")
"""In the file's header: what is not marked with it is somebody else's database and never touched."""

_RECORDED = """
CREATE TABLE row_change (
  id INTEGER PRIMARY KEY,
  request_id INTEGER NOT NULL,
  source BLOB NOT NULL,
  table_name TEXT NOT NULL,
  row_key TEXT NOT NULL,
  key BLOB NOT NULL,
  operation TEXT NOT NULL,
  outcome TEXT NOT NULL,
  span_id TEXT NOT NULL,
  at_ns INTEGER NOT NULL,
  columns BLOB NOT NULL,
  frame BLOB
);
CREATE INDEX row_change_request ON row_change (request_id, source);
CREATE INDEX row_change_row ON row_change (table_name, row_key, at_ns);
CREATE INDEX row_change_table ON row_change (table_name, at_ns);

CREATE TABLE request_input (
  request_id INTEGER PRIMARY KEY,
  facts BLOB NOT NULL
);
"""

_RESOLVED = """
CREATE TABLE resolution (
  issue_id INTEGER PRIMARY KEY,
  failed_ns INTEGER NOT NULL,
  trace_id BLOB NOT NULL,
  status INTEGER,
  at_ns INTEGER NOT NULL
);
CREATE TRIGGER issue_removed AFTER DELETE ON issue BEGIN
  DELETE FROM resolution WHERE issue_id = OLD.id;
END;
"""

TABLES = f"""
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('seq', 0), ('pruned', 0);

CREATE TABLE origin (
  id INTEGER PRIMARY KEY,
  resource BLOB NOT NULL,
  scope BLOB NOT NULL,
  UNIQUE (resource, scope)
);

CREATE TABLE chunk (
  seq INTEGER PRIMARY KEY,
  request_id INTEGER NOT NULL,
  origin_id INTEGER NOT NULL,
  rooted INTEGER NOT NULL,
  span_ids BLOB NOT NULL,
  raws BLOB NOT NULL
);
CREATE INDEX chunk_request ON chunk (request_id);
CREATE INDEX chunk_origin ON chunk (origin_id);

CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  trace_id BLOB NOT NULL,
  at_ns INTEGER NOT NULL,
  origin_id INTEGER NOT NULL,
  digest BLOB NOT NULL,
  raw BLOB NOT NULL
);
CREATE UNIQUE INDEX log_identity ON log (trace_id, digest);
CREATE INDEX log_origin ON log (origin_id);
CREATE INDEX log_at ON log (at_ns);

CREATE TABLE route (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  service TEXT NOT NULL,
  name TEXT NOT NULL,
  handler BLOB,
  requests INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  UNIQUE (service, name)
);

CREATE TABLE request (
  id INTEGER PRIMARY KEY,
  trace_id BLOB NOT NULL UNIQUE,
  seq INTEGER NOT NULL,
  route_id INTEGER NOT NULL REFERENCES route (id),
  started_ns INTEGER NOT NULL,
  duration_ns INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  service TEXT NOT NULL,
  environment TEXT,
  revision TEXT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  method TEXT,
  path TEXT,
  route TEXT,
  function TEXT,
  status INTEGER,
  failed INTEGER NOT NULL,
  error TEXT,
  complete INTEGER NOT NULL,
  spans INTEGER NOT NULL,
  notable INTEGER NOT NULL,
  good INTEGER GENERATED ALWAYS AS (complete AND NOT failed AND coalesce(status, 0) < 400) VIRTUAL
);
CREATE INDEX request_seq ON request (seq);
CREATE INDEX request_started ON request (started_ns);
CREATE INDEX request_route ON request (route_id, good, started_ns);
CREATE INDEX request_bad ON request (started_ns) WHERE failed OR status >= 400;

CREATE TABLE alias (
  alias TEXT NOT NULL,
  request_id INTEGER NOT NULL,
  PRIMARY KEY (alias, request_id)
) WITHOUT ROWID;
CREATE INDEX alias_request ON alias (request_id);

CREATE TABLE issue (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  seq INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  handled INTEGER NOT NULL,
  path TEXT NOT NULL,
  line INTEGER NOT NULL,
  function TEXT NOT NULL,
  count INTEGER NOT NULL DEFAULT 0,
  pruned_first_ns INTEGER,
  pruned_first_revision TEXT,
  UNIQUE (fingerprint, handled, path, line, function)
);
CREATE INDEX issue_seq ON issue (seq);
CREATE INDEX issue_gone ON issue (seq) WHERE count = 0;

CREATE TABLE occurrence (
  id INTEGER PRIMARY KEY,
  issue_id INTEGER NOT NULL REFERENCES issue (id),
  request_id INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  failure BLOB NOT NULL,
  UNIQUE (request_id, issue_id)
);
CREATE INDEX occurrence_issue ON occurrence (issue_id, at_ns, request_id);

CREATE TABLE dismissal (fingerprint TEXT PRIMARY KEY, at_ns INTEGER NOT NULL) WITHOUT ROWID;

CREATE TRIGGER request_changed AFTER UPDATE OF route_id, failed ON request
WHEN OLD.route_id <> NEW.route_id OR OLD.failed <> NEW.failed BEGIN
  UPDATE route SET requests = requests - 1, failures = failures - OLD.failed WHERE id = OLD.route_id;
  UPDATE route SET requests = requests + 1, failures = failures + NEW.failed WHERE id = NEW.route_id;
END;
CREATE TRIGGER request_removed AFTER DELETE ON request BEGIN
  UPDATE route SET requests = requests - 1, failures = failures - OLD.failed WHERE id = OLD.route_id;
END;
CREATE TRIGGER occurrence_added AFTER INSERT ON occurrence BEGIN
  UPDATE issue SET count = count + 1 WHERE id = NEW.issue_id;
END;
CREATE TRIGGER occurrence_removed AFTER DELETE ON occurrence BEGIN
  UPDATE issue SET count = count - 1 WHERE id = OLD.issue_id;
END;
{_RECORDED}{_RESOLVED}"""

MIGRATIONS: dict[int, str] = {1: _RECORDED, 2: f"DROP TRIGGER request_added;{_RESOLVED}"}
"""From the version that is the key to the next one."""
