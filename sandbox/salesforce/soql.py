"""SOQL text to a query, and nothing about records: what the names mean is `query`'s business.

The part of the language a connector uses: fields of the object and of its parents, COUNT(), WHERE with every
comparison, AND, OR, NOT and parentheses, ORDER BY, LIMIT, OFFSET. Anything else is a MALFORMED_QUERY, as a mistake is.
https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.salesforce.errors import Problem, Refused


@dataclass(frozen=True, slots=True)
class Bare:
    """A value without quotes that is no number, boolean or null: a date or a time."""

    text: str


Constant = str | float | bool | None | Bare


@dataclass(frozen=True, slots=True)
class Compare:
    field: str
    operator: str
    value: Constant
    at: int


@dataclass(frozen=True, slots=True)
class Among:
    """`field IN (...)`, or NOT IN."""

    field: str
    values: tuple[Constant, ...]
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Condition = Compare | Among | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Order:
    field: str
    descending: bool
    nulls_last: bool
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A field as it was written, and where, for error messages."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Select:
    """`fields` is empty for COUNT()."""

    text: str
    fields: tuple[Name, ...]
    sobject: str
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<time>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign><=|>=|!=|<>|[=<>(),]))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def malformed(text: str, at: int, message: str, code: str = "MALFORMED_QUERY") -> Refused:
    """Salesforce quotes the query around the mistake, puts a caret under it and counts its columns from 1."""
    start = max(0, at - 40)
    quote = text[start : at + 40].replace("\n", " ")
    caret = " " * (at - start) + "^"
    return Refused(Problem(code, f"\n{quote}\n{caret}\nERROR at Row:1:Column:{at + 1}\n{message}"))


def parse(text: str) -> Select:
    """Raises Refused (MALFORMED_QUERY)."""
    if len(text) > _LONGEST:
        raise Refused(Problem("MALFORMED_QUERY", f"SOQL statements cannot be longer than {_LONGEST} characters."))
    return _Parser(text).select()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.next = 0

    def select(self) -> Select:
        self.word("SELECT")
        fields = self.field_list()
        self.word("FROM")
        sobject = self.name().text
        where = self.condition() if self.took("WHERE") else None
        order = self.order_list() if self.took("ORDER") else ()
        limit = self.count() if self.took("LIMIT") else None
        offset = self.count() if self.took("OFFSET") else 0
        if self.here.kind != "end":
            raise self.unexpected()
        return Select(self.text, fields, sobject, where, order, limit, offset)

    def field_list(self) -> tuple[Name, ...]:
        first = self.name()
        if self.here.text == "(":
            if first.text.upper() != "COUNT":
                raise self.unexpected()
            self.sign("(")
            self.sign(")")
            return ()
        fields = [first]
        while self.took(","):
            fields.append(self.name())
        return tuple(fields)

    def condition(self) -> Condition:
        first = self.negation()
        joiner = self.here.text.upper()
        if joiner not in ("AND", "OR"):
            return first
        parts = [first]
        while self.took(joiner):
            parts.append(self.negation())
        if self.here.text.upper() in ("AND", "OR"):  # a mix of both needs parentheses
            raise self.unexpected()
        return AllOf(tuple(parts)) if joiner == "AND" else AnyOf(tuple(parts))

    def negation(self) -> Condition:
        if self.took("NOT"):
            return Not(self.negation())
        if self.took("("):
            inner = self.condition()
            self.sign(")")
            return inner
        return self.comparison()

    def comparison(self) -> Condition:
        field = self.name()
        token = self.advance()
        operator = token.text.upper()
        if operator == "NOT":
            self.word("IN")
            return Among(field.text, self.value_list(), True, field.at)
        if operator == "IN":
            return Among(field.text, self.value_list(), False, field.at)
        if operator not in ("=", "!=", "<>", "<", "<=", ">", ">=", "LIKE"):
            raise self.unexpected(token)
        return Compare(field.text, "!=" if operator == "<>" else operator, self.value(), field.at)

    def value_list(self) -> tuple[Constant, ...]:
        self.sign("(")
        values = [self.value()]
        while self.took(","):
            values.append(self.value())
        self.sign(")")
        return tuple(values)

    def value(self) -> Constant:
        token = self.advance()
        match token.kind:
            case "string":
                return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), token.text[1:-1])
            case "number":
                return float(token.text)
            case "time":
                return Bare(token.text)
            case "name" if token.text.lower() in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[token.text.lower()]
        raise self.unexpected(token)

    def order_list(self) -> tuple[Order, ...]:
        self.word("BY")
        found: list[Order] = []
        while True:
            field = self.name()
            descending = self.took("DESC") or (self.took("ASC") and False)
            last = False
            if self.took("NULLS"):
                last = self.took("LAST")
                if not last:
                    self.word("FIRST")
            found.append(Order(field.text, descending, last, field.at))
            if not self.took(","):
                return tuple(found)

    def count(self) -> int:
        token = self.advance()
        if not token.text.isdigit():
            raise self.unexpected(token)
        return int(token.text)

    def name(self) -> Name:
        token = self.advance()
        if token.kind != "name":
            raise self.unexpected(token)
        return Name(token.text, token.at)

    @property
    def here(self) -> _Token:
        return self.tokens[self.next]

    def advance(self) -> _Token:
        token = self.here
        if token.kind == "end":
            raise self.unexpected()
        self.next += 1
        return token

    def took(self, text: str) -> bool:
        if self.here.kind != "string" and self.here.text.upper() == text:
            self.next += 1
            return True
        return False

    def word(self, text: str) -> None:
        if not self.took(text):
            raise self.unexpected()

    sign = word

    def unexpected(self, token: _Token | None = None) -> Refused:
        token = token or self.here
        return malformed(self.text, token.at, f"unexpected token: {token.text!r}")


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            bad = at + len(text[at:]) - len(text[at:].lstrip())
            raise malformed(text, bad, f"line 1:{bad} no viable alternative at character {text[bad]!r}")
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    found.append(_Token("end", "<EOF>", end))
    return found
