"""Answers a parsed SOQL query from a table: which rows, in which order, with which fields.

Text compares without regard to case, `!=` and NOT IN let nulls through, nulls sort first: as Salesforce does. A bound
on SystemModstamp, or a value of an indexed field, is used to look at few rows; the condition is applied all the same,
so that the way to a row never changes the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox.salesforce import ids, soql
from sandbox.salesforce.errors import Problem, Refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import Field
from sandbox.salesforce.soql import AllOf, Among, AnyOf, Bare, Compare, Condition, Constant, Not, Select
from sandbox.salesforce.table import Row, Table
from sandbox.salesforce.values import instant

Get = Callable[[Row], Any]
Test = Callable[[Row], bool]
STAMP = "SystemModstamp"
MOST_OFFSET = 2000
INDEXED_AT_MOST = 4000
"""Values of an IN list beyond which reading every row is the shorter way."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of an answer: its path as it was asked for, in the names of the schema."""

    path: tuple[str, ...]
    field: Field
    get: Get
    sobject: str = ""
    """For a parent's field: the parent's object."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`columns` is empty for COUNT(): then only `total` counts."""

    table: Table
    columns: tuple[Column, ...]
    rows: list[Row]
    total: int


def run(org: Org, text: str, *, deleted: bool = False) -> Answer:
    """`deleted`: queryAll. Raises Refused (MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE)."""
    select = soql.parse(text)
    table = org.seen(select.sobject)
    if table is None:
        words = f"sObject type '{select.sobject}' is not supported."
        raise soql.malformed(text, text.lower().rfind(select.sobject.lower()), words, "INVALID_TYPE")
    if select.offset > MOST_OFFSET:
        raise Refused(Problem("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MOST_OFFSET}"))
    org.settle()
    columns = tuple(resolve(org, table, name.text, text, name.at) for name in select.fields)
    for at, column in enumerate(columns):
        if column.path in [earlier.path for earlier in columns[:at]]:
            words = f"duplicate field selected: {'.'.join(column.path)}"
            raise soql.malformed(text, select.fields[at].at, words)
    rows = _rows(org, table, select, deleted=deleted)
    return Answer(table, columns, rows if columns else [], len(rows))


def _rows(org: Org, table: Table, select: Select, *, deleted: bool) -> list[Row]:
    tests: list[Test] = [] if deleted else [lambda row: not row["IsDeleted"]]
    if select.where is not None:
        tests.append(compiled(org, table, select.where, select.text))
    keys = [(resolve(org, table, o.field, select.text, o.at), o) for o in select.order]
    for column, order in keys:
        if not column.field.filterable:
            words = f"field '{column.path[-1]}' can not be sorted in a query call"
            raise soql.malformed(select.text, order.at, words, "INVALID_FIELD")
    in_order = [c.path for c, o in keys if not o.descending] in ([(STAMP,)], [(STAMP,), ("Id",)])
    found: Iterable[Row] = _source(table, select.where, by_stamp=in_order)
    for test in tests:
        found = filter(test, found)
    end = None if select.limit is None else select.offset + select.limit
    if not keys or (in_order and not table.veils):
        return list(islice(found, select.offset, end))
    ordered = list(found)
    for column, order in reversed(keys):
        ordered.sort(key=_sort_key(column), reverse=order.descending)
        if order.nulls_last or order.descending:
            blank = [row for row in ordered if column.get(row) is None]
            filled = [row for row in ordered if column.get(row) is not None]
            ordered = filled + blank if order.nulls_last else blank + filled
    return ordered[select.offset : end]


def _sort_key(column: Column) -> Callable[[Row], Any]:
    get = column.get
    if column.field.type in ("id", "reference", "date", "datetime"):
        return lambda row: get(row) or ""
    if column.field.type in ("double", "currency", "percent", "int", "boolean"):
        return lambda row: float("-inf") if get(row) is None else get(row)
    return lambda row: str(get(row) or "").casefold()


def _source(table: Table, where: Condition | None, *, by_stamp: bool) -> Iterator[Row]:
    """The fewest rows that can hold the answer."""
    if table.veils:
        return table.shown()
    if where is not None:
        known = _by_index(table, where)
        if known is not None and not by_stamp:
            return iter(known.values())
        since, until = _span(where)
        if since or until != "~" or by_stamp:
            return table.by_stamp(since, until)
    return table.by_stamp() if by_stamp else iter(table.rows.values())


def _by_index(table: Table, where: Condition) -> dict[str, Row] | None:
    """The rows that an indexed field leaves, by id; None where no index helps."""
    match where:
        case Compare(field, "=", str(value)) if (name := _name(table, field)) and table.indexed(name):
            return {row["Id"]: row for row in table.find(name, value)}
        case Among(field, values, False) if (name := _name(table, field)) and table.indexed(name):
            if len(values) > INDEXED_AT_MOST or not all(isinstance(v, str) for v in values):
                return None
            return {row["Id"]: row for value in values for row in table.find(name, value)}
        case AllOf(parts):
            known = [rows for part in parts if (rows := _by_index(table, part)) is not None]
            return min(known, key=len, default=None)
        case AnyOf(parts):
            all_known = [_by_index(table, part) for part in parts]
            return {i: row for rows in all_known for i, row in (rows or {}).items()} if None not in all_known else None
    return None


def _name(table: Table, written: str) -> str | None:
    field = table.visible.get(written.lower())
    return field.name if field else None


def _span(where: Condition) -> tuple[str, str]:
    """Within which SystemModstamps every row of the answer lies."""
    match where:
        case Compare(field, operator, Bare(text)) if field.lower() == STAMP.lower():
            try:
                at = instant(text)
            except ValueError:
                return "", "~"
            return (at if operator in (">", ">=", "=") else "", at if operator in ("<", "<=", "=") else "~")
        case AllOf(parts):
            spans = [_span(part) for part in parts]
            return max(s[0] for s in spans), min(s[1] for s in spans)
        case AnyOf(parts):
            spans = [_span(part) for part in parts]
            return min(s[0] for s in spans), max(s[1] for s in spans)
    return "", "~"


def resolve(org: Org, table: Table, written: str, text: str, at: int) -> Column:
    """A field by its name, or a parent's by the relationship's. Raises Refused (INVALID_FIELD)."""
    head, _, rest = written.partition(".")
    if rest and head.lower() in (table.name.lower(),):
        head, _, rest = rest.partition(".")
    if not rest:
        field = table.visible.get(head.lower())
        if field is None:
            raise _no_such_column(text, at, head, table.name)
        name = field.name
        return Column((name,), field, lambda row: row.get(name))
    link = table.parents.get(head.lower())
    if link is None:
        words = f"Didn't understand relationship '{head}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
        raise soql.malformed(text, at, words, "INVALID_FIELD")
    parent = org.tables[link.targets[0]]
    inner = resolve(org, parent, rest, text, at)
    parents, key, get = [org.tables[name].rows for name in link.targets], link.name, inner.get

    def through(row: Row) -> Any:
        above = next((rows[id_] for rows in parents if (id_ := row.get(key, "")) in rows), None)
        return None if above is None else get(above)

    return Column((link.relationship, *inner.path), inner.field, through, parent.name)


def _no_such_column(text: str, at: int, name: str, sobject: str) -> Refused:
    words = (
        f"No such column '{name}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to append "
        "the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return soql.malformed(text, at, words, "INVALID_FIELD")


def compiled(org: Org, table: Table, where: Condition, text: str) -> Test:
    match where:
        case AllOf(parts):
            every = [compiled(org, table, part, text) for part in parts]
            return lambda row: all(test(row) for test in every)
        case AnyOf(parts):
            some = [compiled(org, table, part, text) for part in parts]
            return lambda row: any(test(row) for test in some)
        case Not(part):
            inner = compiled(org, table, part, text)
            return lambda row: not inner(row)
        case Compare():
            column = _filterable(org, table, where.field, text, where.at)
            return _comparison(column, where.operator, where.value, text, where.at)
        case Among():
            column = _filterable(org, table, where.field, text, where.at)
            get, negated = column.get, where.negated
            wanted = {comparable(column.field, value, text, where.at) for value in where.values}
            if column.field.type in _FOLDED:
                return lambda row: (_fold(get(row)) in wanted) is not negated
            return lambda row: (get(row) in wanted) is not negated


_FOLDED = frozenset({"string", "combobox", "textarea", "email", "phone", "url", "picklist", "multipicklist"})


def _fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _filterable(org: Org, table: Table, written: str, text: str, at: int) -> Column:
    column = resolve(org, table, written, text, at)
    if not column.field.filterable:
        words = f"field '{column.path[-1]}' can not be filtered in a query call"
        raise soql.malformed(text, at, words, "INVALID_FIELD")
    return column


def _comparison(column: Column, operator: str, value: Constant, text: str, at: int) -> Test:
    get = column.get
    folded = column.field.type in _FOLDED
    wanted = comparable(column.field, value, text, at)
    if operator == "LIKE":
        if not isinstance(value, str) or not folded:
            raise soql.malformed(text, at, "invalid operator on id field", "INVALID_QUERY_FILTER_OPERATOR")
        like = re.compile(_pattern(value), re.IGNORECASE | re.DOTALL)
        return lambda row: like.fullmatch(get(row) or "") is not None
    if operator == "=":
        return (lambda row: _fold(get(row)) == wanted) if folded else (lambda row: get(row) == wanted)
    if operator == "!=":
        return (lambda row: _fold(get(row)) != wanted) if folded else (lambda row: get(row) != wanted)
    if wanted is None:
        raise soql.malformed(text, at, f"unexpected token: 'null' after {operator}")
    ordered: Callable[[Any], bool] = {
        "<": lambda v: v < wanted,
        "<=": lambda v: v <= wanted,
        ">": lambda v: v > wanted,
        ">=": lambda v: v >= wanted,
    }[operator]
    if folded:
        return lambda row: (v := get(row)) is not None and ordered(v.casefold())
    return lambda row: (v := get(row)) is not None and ordered(v)


def _pattern(like: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in like)


def comparable(field: Field, value: Constant, text: str, at: int) -> Any:
    """A constant of the query as rows hold such values. Raises Refused (INVALID_FIELD) for the wrong kind of one."""
    if value is None:
        return None
    match field.type, value:
        case ("datetime", Bare(written)) if "T" in written:
            try:
                return instant(written)
            except ValueError:
                raise soql.malformed(text, at, f"Invalid date: {written}") from None
        case ("date", Bare(written)) if "T" not in written:
            return written
        case ("boolean", bool()):
            return value
        case ("double" | "currency" | "percent" | "int", float()):
            return value
        case ("id" | "reference", str()):
            found = ids.canonical(value)
            if found is None:
                raise soql.malformed(text, at, f"invalid ID field: {value}", "INVALID_QUERY_FILTER_OPERATOR")
            return found
        case (kind, str()) if kind in _FOLDED:
            return value.casefold()
    quoted = (
        "should not"
        if field.type in ("datetime", "date", "boolean", "double", "currency", "percent", "int")
        else "should"
    )
    kind = {"datetime": "dateTime"}.get(field.type, field.type)
    words = (
        f"value of filter criterion for field '{field.name}' must be of type {kind} and {quoted} be enclosed in quotes"
    )
    raise soql.malformed(text, at, words, "INVALID_FIELD")
