"""The part of a generated test that gives SQLite's files copies, with the rows that the request wrote put back."""

from collections.abc import Iterator, Mapping

from flux_ls.replay.child.rows.changes import Value as Told
from flux_ls.replay.child.rows.sqlite_values import NoSpelling, spellings
from flux_ls.replay.regression.part import Part
from flux_ls.replay.rows import Value, Written
from flux_ls.replay.shapes import Recording

SQLITE = Part(
    '''\
@pytest.fixture(autouse=True)
def databases(monkeypatch, tmp_path):
    """Whoever opens a file of SQLite's gets a copy of it, and the file stays as it is."""
    connect, copies = sqlite3.connect, {}

    def connect_to_copy(database, *words, **options):
        if str(database) in ("", ":memory:") or str(database).startswith("file:"):
            return connect(database, *words, **options)
        original = Path(database).resolve()
        if original not in copies:
            copies[original] = tmp_path / f"{len(copies)}-{original.name}"
            if original.exists():
                source, copy = connect(original), connect(copies[original])
                source.backup(copy)
                source.close()
                copy.close()
        return connect(copies[original], *words, **options)

    monkeypatch.setattr(sqlite3, "connect", connect_to_copy)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect_to_copy)
''',
    ("import sqlite3", "import sqlite3.dbapi2"),
)
_COPIED = "                source.backup(copy)\n"
_PUT_BACK = '''\


def put_back(copy):
    """Takes back what the recorded request wrote, if the copy holds it as it was."""
    broken = set(copy.execute("PRAGMA foreign_key_check"))
    copy.execute("BEGIN")
    kept = copy.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = kept.fetchall()
    for name, _ in triggers:
        copy.execute(f"DROP TRIGGER {quoted(name)}")
    for row in ROWS:
        put_back_row(copy, **row)
    for _, sql in triggers:
        copy.execute(sql)
    if set(copy.execute("PRAGMA foreign_key_check")) == broken:
        copy.commit()


def put_back_row(copy, table, key, before, after):
    """A row without `before` was made, one without `after` deleted."""
    table, before, after = quoted(table), before or {}, after or {}
    columns = {each[1] for each in copy.execute(f"PRAGMA table_info({table})")}
    if not {*key, *before, *after} <= columns:
        return
    where = " AND ".join(f"{quoted(name)} IN ({marks(key[name])})" for name in key)
    keys = [each for value in key.values() for each in ways(value)]
    names = ", ".join(quoted(name) for name in after) or "1"
    found = copy.execute(f"SELECT {names} FROM {table} WHERE {where}", keys).fetchall()
    if not after and not found:
        names = ", ".join(quoted(name) for name in before)
        values = [ways(value)[0] for value in before.values()]
        copy.execute(f"INSERT INTO {table} ({names}) VALUES ({marks(values)})", values)
    if not after or len(found) != 1:
        return
    stored = dict(zip(after, found[0]))
    if not all(stored[name] in ways(after[name]) for name in after):
        return
    if not before:
        copy.execute(f"DELETE FROM {table} WHERE {where}", keys)
        return
    names = ", ".join(f"{quoted(name)} = ?" for name in before)
    values = [way_of(before[name], after[name], stored[name]) for name in before]
    copy.execute(f"UPDATE {table} SET {names} WHERE {where}", values + keys)


def ways(value):
    """How SQLite may hold a value: a list where libraries differ in that."""
    return value if isinstance(value, list) else [value]


def way_of(value, other, stored):
    """The value in the way in which the other one is stored."""
    at = ways(other).index(stored)
    return ways(value)[at if at < len(ways(value)) else 0]


def marks(value):
    return ", ".join("?" for _ in ways(value))


def quoted(name):
    return '"' + name.replace('"', '""') + '"'
'''


def copies(rows: bool) -> Part:
    """With `rows`, what `ROWS` names is put back in each copy."""
    if not rows:
        return SQLITE
    source = SQLITE.source.replace(_COPIED, _COPIED + "                put_back(copy)\n")
    return Part(source + _PUT_BACK, SQLITE.imports)


def rows_of(recording: Recording) -> tuple[list[dict[str, object]], list[tuple[Written, str]]]:
    """What can be put back, the newest first; and what cannot, with the reason."""
    rows: list[dict[str, object]] = []
    left: list[tuple[Written, str]] = []
    for change in recording.written:
        if change.spare:
            continue
        why = change.why_not or next((f"its {name} {why}" for name, why in change.untold_before.items()), "")
        try:
            row = _row(change)
        except NoSpelling:
            why = why or "what it held cannot be written down"
        if why:
            left.append((change, why))
        else:
            rows.append(row)
    return rows, left


def _row(change: Written) -> dict[str, object]:
    after = {**change.key, **change.after} if change.operation == "insert" else change.after
    return {
        "table": change.table,
        "key": dict(_spelled(change.key)),
        "before": dict(_spelled(change.before)) or None,
        "after": dict(_spelled(after)) or None,
    }


def _spelled(columns: Mapping[str, Value]) -> Iterator[tuple[str, object]]:
    for name, (kind, value) in columns.items():
        known = spellings(Told(kind, value))
        if kind in ("bytes", "float", "decimal.Decimal") or (kind == "" and not isinstance(value, str)):
            yield name, next(iter(known.values()))
            continue
        ways = [each for way, each in known.items() if kind or way not in ("bytes", "json")]
        yield name, ways if len(ways) > 1 else ways[0]
