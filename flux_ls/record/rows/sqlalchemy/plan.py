"""What can be known of a compiled INSERT, UPDATE or DELETE once and for all: worked out once, and kept with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

from sqlalchemy import LargeBinary, PickleType, and_, bindparam, select, tuple_
from sqlalchemy.sql import elements, operators, visitors
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ClauseList,
    False_,
    Grouping,
    Null,
    True_,
    UnaryExpression,
)
from sqlalchemy.sql.schema import Column

from flux_ls.model import RowOperation
from flux_ls.record.guard import tell
from flux_ls.record.rows.reading import READ_ROWS

_KEPT_AS: Final = "_flux_rows_plan"
KEYS: Final = "flux_keys"
"""The parameter with the keys to read."""

_HARMLESS: Final = frozenset(
    getattr(operators, name)
    for name in (
        *("and_", "or_", "inv", "eq", "ne", "lt", "le", "gt", "ge", "is_", "is_not", "isnot", "in_op", "not_in_op"),
        *("notin_op", "like_op", "not_like_op", "notlike_op", "between_op", "not_between_op", "notbetween_op"),
        "comma_op",
    )
    if hasattr(operators, name)
)
"""Comparisons of a column with values: they can neither have an effect nor fail where the statement would not."""

_COMPARISONS: Final = (BinaryExpression, UnaryExpression, BooleanClauseList, ClauseList) + (
    (elements.ExpressionClauseList,) if hasattr(elements, "ExpressionClauseList") else ()
)


class Plan:
    """What a statement writes where, by the names that its parameters have."""

    __slots__ = (
        "_readers",
        "_where_reader",
        "assigned",
        "conflict",
        "criteria",
        "expressions",
        "from_select",
        "key",
        "key_names",
        "many_rows",
        "name",
        "operation",
        "proved",
        "returning",
        "schema",
        "simple",
        "skips",
        "table",
        "touched",
        "touched_names",
        "unread",
        "upsert",
        "where_key",
    )

    def __init__(self, table: Any, operation: RowOperation) -> None:
        self.table = table
        self.operation: RowOperation = operation
        self.name: str = table.name
        self.schema: str | None = getattr(table, "schema", None)
        self.key: tuple[Any, ...] = tuple(table.primary_key)
        self.key_names: tuple[str, ...] = tuple([column.name for column in self.key])
        self.touched: tuple[Any, ...] = ()
        """The columns whose value before is worth knowing, and can be read."""
        self.touched_names: tuple[str, ...] = ()
        self.simple = False
        """An INSERT of rows whose values are all among the parameters."""
        self.assigned: list[tuple[str, str]] = []
        """Columns that get a value, with the name of the parameter that holds it."""
        self.expressions: tuple[Any, ...] = ()
        """Columns whose value the database works out."""
        self.many_rows = 0
        """INSERT of that many rows by one statement's VALUES."""
        self.from_select = False
        self.returning: tuple[tuple[int, Any], ...] = ()
        """The table's columns that the application asked for with RETURNING, by position."""
        self.upsert = False
        """What happens depends on whether the row is there already."""
        self.skips = False
        """A row may be left out without an error."""
        self.conflict: tuple[tuple[Any, str], ...] = ()
        """The columns that tell whether the row is there, with their parameters."""
        self.where_key: tuple[str, ...] | None = None
        """The parameters that the primary key is compared with, when the WHERE names it."""
        self.criteria: tuple[Any, ...] | None = None
        """The WHERE, when it can be asked for without harm."""
        self.unread: tuple[Any, ...] = ()
        """Columns that may be too big to be read along."""
        self.proved = False
        """Reading has succeeded before: the table, its columns and the right to read them are there."""
        self._readers: dict[tuple[str, ...], Any] = {}
        self._where_reader: Any = None

    def by_columns(self, dialect: Any, by: Sequence[Any], columns: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """SELECT of `by` and `columns` for the values of `by` in the parameter `KEYS`."""
        what = (*(column.name for column in by), "", *(column.name for column in columns))
        reader = self._readers.get(what)
        if reader is None:
            left = by[0] if len(by) == 1 else tuple_(*by)
            statement = select(*by, *columns).where(left.in_(bindparam(KEYS, expanding=True))).limit(READ_ROWS)
            reader = self._readers[what] = _compiled(statement, dialect, options)
        return reader

    def by_where(self, dialect: Any, columns: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """SELECT of the primary key and `columns` with the statement's own WHERE and parameters."""
        if self._where_reader is None:
            statement = select(*self.key, *columns).select_from(self.table)
            if self.criteria:
                statement = statement.where(and_(*self.criteria))
            self._where_reader = _compiled(statement.limit(READ_ROWS + 1), dialect, options)
        return self._where_reader


def _compiled(statement: Any, dialect: Any, options: Mapping[str, Any]) -> Any:
    return statement.compile(dialect=dialect, schema_translate_map=options.get("schema_translate_map"))


def plan_of(context: Any) -> Plan | None:
    """The plan of what is executed; None when it is not understood."""
    compiled = context.compiled
    known = compiled.__dict__.get(_KEPT_AS)
    if known is None:
        try:
            known = _make(context, compiled)
        except Exception as error:
            tell("understanding a statement", error)
            known = False
        setattr(compiled, _KEPT_AS, known)
    return known or None


def _make(context: Any, compiled: Any) -> Plan | None:
    statement = compiled.compile_state.statement
    table = statement.table
    if not hasattr(table, "primary_key") or not hasattr(table, "name"):
        return None
    operation: RowOperation = "insert" if context.isinsert else "update" if context.isupdate else "delete"
    plan = Plan(table, operation)
    if operation == "insert":
        _insert(plan, statement, compiled)
    else:
        _where(plan, statement, compiled)
    plan.returning = _returning(plan, statement, compiled)
    return plan


def _values(plan: Plan, statement: Any) -> dict[Any, Any]:
    """What the statement itself says of columns, and not its parameters."""
    names = {column.key: column for column in plan.table.c}
    given = getattr(statement, "_values", None) or dict(getattr(statement, "_ordered_values", None) or ())
    return {names.get(column, column) if isinstance(column, str) else column: given[column] for column in given}


def _assigned(plan: Plan, statement: Any, compiled: Any, others: Set[str]) -> list[tuple[str, str]]:
    """Columns with the parameter that holds their value, which is called as they are or as the application said."""
    values = {hash(column): value for column, value in _values(plan, statement).items()}
    found = []
    for column in plan.table.c:
        value = values.get(hash(column))
        if column.key in compiled.binds and column.key not in others:
            found.append((column.name, column.key))
        elif isinstance(value, BindParameter):
            # The compiler has a copy of it, by the application's name.
            name = compiled.bind_names.get(value, value.key)
            if name in compiled.binds:
                found.append((column.name, name))
    return found


def _insert(plan: Plan, statement: Any, compiled: Any) -> None:
    if statement.select is not None:
        plan.from_select = True
    if statement._multi_values:
        plan.many_rows = sum(len(rows) for rows in statement._multi_values)
        plan.assigned = [(column.name, column.key) for column in plan.table.c]
    else:
        plan.assigned = _assigned(plan, statement, compiled, frozenset())
    named = {name for name, _ in plan.assigned}
    computed = {column.name for column in getattr(compiled, "postfetch", ())}
    plan.expressions = tuple(
        column
        for column in plan.table.c
        if column.name not in named and (column.name in computed or column.server_default is not None)
    )
    plan.skips = bool(statement._prefixes)
    plan.simple = not (
        plan.from_select
        or plan.many_rows
        or plan.skips
        or plan.expressions
        or getattr(statement, "_returning", None)
        or getattr(statement, "_post_values_clause", None) is not None
    )
    clause = getattr(statement, "_post_values_clause", None)
    if clause is not None:
        plan.upsert = True
        target = getattr(clause, "inferred_target_elements", None) or ()
        columns = {column.key: column for column in plan.table.c} | {column.name: column for column in plan.table.c}
        found = [columns.get(element if isinstance(element, str) else element.key) for element in target]
        keys = dict(plan.assigned)
        if not target and getattr(clause, "constraint_target", None) is None and plan.key:
            found = []
        if found and all(column is not None and column.name in keys for column in found):
            plan.conflict = tuple((column, keys[column.name]) for column in found if column is not None)


def _where(plan: Plan, statement: Any, compiled: Any) -> None:
    names = compiled.bind_names
    criteria = statement._where_criteria
    in_where = {
        names[element] for element in _elements(criteria) if isinstance(element, BindParameter) and element in names
    }
    assigned: set[str] = set()
    if plan.operation == "update":
        plan.assigned = _assigned(plan, statement, compiled, in_where)
        assigned = {name for name, _ in plan.assigned}
        computed = [*getattr(compiled, "postfetch", ()), *_values(plan, statement)]
        computed += [c for c in getattr(compiled, "implicit_returning", None) or () if c.server_onupdate is not None]
        by_hash = {hash(column): column for column in plan.table.c}
        found = {by_hash.get(hash(column)) for column in computed}
        plan.expressions = tuple(c for c in plan.table.c if c in found and c.name not in assigned)
    compared = dict(_equalities(criteria, plan, names))
    if plan.key and all(column in compared for column in plan.key):
        plan.where_key = tuple(compared[column] for column in plan.key)
    if _harmless(criteria, plan):
        plan.criteria = tuple(_with_names(criterion, names) for criterion in criteria)
    if plan.operation == "delete":
        wanted = list(plan.table.c)
    else:
        expressions = set(plan.expressions)
        wanted = [column for column in plan.table.c if column.name in assigned or column in expressions]
    plan.touched = tuple(column for column in wanted if not isinstance(column.type, LargeBinary | PickleType))
    plan.touched_names = tuple([column.name for column in plan.touched])
    if plan.operation == "delete":
        plan.unread = tuple(column for column in wanted if column.name not in plan.touched_names)


def _elements(criteria: Iterable[Any]) -> Iterator[Any]:
    for criterion in criteria:
        yield from visitors.iterate(criterion)


def _equalities(criteria: Iterable[Any], plan: Plan, names: Mapping[Any, str]) -> Iterator[tuple[Any, str]]:
    """The columns that the WHERE compares with one value each, all of which must hold."""
    by_hash = {hash(column): column for column in plan.table.c}
    for criterion in criteria:
        if isinstance(criterion, Grouping):
            yield from _equalities((criterion.element,), plan, names)
        elif isinstance(criterion, BooleanClauseList):
            if criterion.operator is operators.and_:
                yield from _equalities(criterion.clauses, plan, names)
        elif isinstance(criterion, BinaryExpression) and criterion.operator is operators.eq:
            left, right = criterion.left, criterion.right
            if isinstance(left, BindParameter):
                left, right = right, left
            column = by_hash.get(hash(left)) if isinstance(left, Column) else None
            if column is not None and isinstance(right, BindParameter) and right in names and not right.expanding:
                yield column, names[right]


def _harmless(criteria: Iterable[Any], plan: Plan) -> bool:
    hashes = {hash(column) for column in plan.table.c}
    for element in _elements(criteria):
        if isinstance(element, Column):
            if hash(element) not in hashes:
                return False
        elif isinstance(element, BindParameter):
            if element.callable is not None:
                return False
        elif isinstance(element, _COMPARISONS):
            if element.operator not in _HARMLESS:
                return False
        elif not isinstance(element, Grouping | Null | True_ | False_):
            return False
    return True


def _with_names(criterion: Any, names: Mapping[Any, str]) -> Any:
    """The criterion with parameters that are called as the statement's own."""

    def renamed(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter):
            return bindparam(names[element], type_=element.type, expanding=element.expanding, required=True)
        return None

    return visitors.replacement_traverse(criterion, {}, renamed)


def _returning(plan: Plan, statement: Any, compiled: Any) -> tuple[tuple[int, Any], ...]:
    if not getattr(statement, "_returning", None):
        return ()
    by_hash = {hash(column): column for column in plan.table.c}
    found = []
    for at, entry in enumerate(compiled._result_columns):
        for candidate in entry[2]:
            column = by_hash.get(hash(candidate)) if isinstance(candidate, Column) else None
            if column is not None:
                found.append((at, column))
                break
    return tuple(found)
