"""CRM search: an index that lags behind, filters, one sort, and 10,000 results a query.

Rules: https://developers.hubspot.com/docs/api-reference/search/guide. The index holds what it was told a while ago,
whole records at a time; archived and merged records leave it at once. Records that sort alike come in an order that
is stable and means nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sandbox.clock import Clock
from sandbox.hubspot.errors import invalid
from sandbox.hubspot.object_types import ObjectType
from sandbox.hubspot.properties import Properties, iso
from sandbox.hubspot.records import Record, Values
from sandbox.hubspot.rendering import render

PAGE, CAP, GROUPS, FILTERS, ALL_FILTERS, LONGEST = 200, 10_000, 5, 6, 18, 3_000
_SIMPLE = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN")
_SETS = ("IN", "NOT_IN")
_PRESENCE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
_WORDS = ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN")
OPERATORS = frozenset(_SIMPLE + _SETS + _PRESENCE + _WORDS)
_TOKEN = re.compile(r"[\w*]+")
_KEPT = 8

Test = Callable[["Document"], bool]
Key = str | float


class Document(NamedTuple):
    """A record as the index knows it. `created`, `modified`: milliseconds."""

    record: Record
    values: Values
    created: int
    modified: int


class Index:
    """What search knows, `delay` seconds late."""

    def __init__(self, type: ObjectType, properties: Properties, clock: Clock, delay: float) -> None:
        self.type = type
        self.properties = properties
        self.clock = clock
        self.delay = delay
        self._documents: dict[int, Document] = {}
        self._times: list[tuple[int, int]] = []
        self._emails: dict[str, int] = {}
        self._stale = 0
        self._waiting: deque[tuple[float, Document]] = deque()
        self._gone: set[int] = set()
        self._version = 0
        self._answers: OrderedDict[str, tuple[int, list[int]]] = OrderedDict()

    def changed(self, record: Record) -> None:
        document = Document(record, record.values, record.created, record.modified)
        if self.delay <= 0:
            self._put(document)
        else:
            self._waiting.append((self.clock.elapsed() + self.delay, document))

    def gone(self, id_: int) -> None:
        self._gone.add(id_)
        if self._documents.pop(id_, None) is not None:
            self._stale += 1
            self._version += 1

    def catch_up(self, *, everything: bool = False) -> None:
        """Take in what has waited long enough."""
        now = self.clock.elapsed()
        while self._waiting and (everything or self._waiting[0][0] <= now):
            self._put(self._waiting.popleft()[1])

    def search(self, asked: Mapping[str, Any], size: int, shift: Callable[[int, int], int]) -> dict[str, Any]:
        """One page. `size`: characters of the request's body. Raises Refused for what HubSpot does not accept."""
        limit, after = self._checked_page(asked, size)
        self.catch_up()
        ids = self._matching(asked)
        start = shift(after, limit)
        wanted = asked.get("properties") or self.type.shown
        results = [_shown(self._documents[id_], wanted) for id_ in ids[start : start + limit]]
        body: dict[str, Any] = {"total": len(ids), "results": results}
        if after + limit < len(ids):
            body["paging"] = {"next": {"after": str(after + limit)}}
        return body

    def _checked_page(self, asked: Mapping[str, Any], size: int) -> tuple[int, int]:
        limit = asked.get("limit") or 10
        if not isinstance(limit, int) or not 1 <= limit <= PAGE:
            raise invalid(f"The limit must be between 1 and {PAGE}; got {limit}")
        try:
            after = int(asked.get("after") or 0)
        except (TypeError, ValueError):
            raise invalid(f"Invalid paging token: {asked.get('after')}") from None
        if after + limit > CAP:
            raise invalid(f"Cannot page beyond {CAP} results; narrow the search instead.", after=[str(after)])
        if size > LONGEST:
            raise invalid(f"The request body is {size} characters long; the maximum is {LONGEST}.")
        return limit, after

    def _matching(self, asked: Mapping[str, Any]) -> list[int]:
        """Ids of every match in order; remembered until the index moves, so that paging does not search again."""
        question = repr((asked.get("filterGroups"), asked.get("filters"), asked.get("sorts"), asked.get("query")))
        known = self._answers.get(question)
        if known is not None and known[0] == self._version:
            self._answers.move_to_end(question)
            return known[1]
        groups = _groups(asked)
        name, descending = self._sort(asked.get("sorts") or [])
        found: dict[int, Document] = {}
        for group in groups or [[]]:
            tests = [self._test(item) for item in group]
            for document in self._candidates(group):
                if all(test(document) for test in tests):
                    found[document.record.id] = document
        if asked.get("query"):
            words = _tokens(str(asked["query"]))
            found = {id_: d for id_, d in found.items() if _contains(d, words, self.type.searched)}
        ids = self._ordered(found, name, descending)
        self._answers[question] = (self._version, ids)
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return ids

    def _ordered(self, found: Mapping[int, Document], name: str, descending: bool) -> list[int]:
        read = self._reader(name)
        with_value = [(key, id_) for id_, document in found.items() if (key := read(document)) is not None]
        with_value.sort(key=lambda pair: (pair[0], _scrambled(pair[1])), reverse=descending)
        if len(with_value) == len(found):
            return [id_ for _, id_ in with_value]
        have = {id_ for _, id_ in with_value}
        return [id_ for _, id_ in with_value] + sorted((i for i in found if i not in have), key=_scrambled)

    def _candidates(self, group: list[Mapping[str, Any]]) -> Iterable[Document]:
        """As few documents as one cheap filter allows."""
        for item in group:
            name, operator = item.get("propertyName"), item.get("operator")
            if name in ("hs_object_id", "email") and operator in ("EQ", "IN"):
                keys = [str(key) for key in (item.get("values") if operator == "IN" else [item.get("value")]) or []]
                if name == "email":
                    ids = {id_ for key in keys if (id_ := self._emails.get(key.lower())) is not None}
                else:
                    ids = {int(key) for key in keys if key.isdecimal()}
                return [self._documents[id_] for id_ in ids if id_ in self._documents]
        for item in group:
            if item.get("propertyName") == self.type.modified and item.get("operator") in ("GT", "GTE", "BETWEEN"):
                low = int(_number_of(str(item.get("value"))))
                high = _number_of(str(item["highValue"])) if item.get("operator") == "BETWEEN" else None
                return self._between(low, high)
        return list(self._documents.values())

    def _between(self, low: int, high: float | None) -> Iterable[Document]:
        start = bisect_left(self._times, (low, 0))
        end = len(self._times) if high is None else bisect_right(self._times, (int(high), 1 << 62))
        for modified, id_ in self._times[start:end]:
            document = self._documents.get(id_)
            if document is not None and document.modified == modified:
                yield document

    def _put(self, document: Document) -> None:
        id_, entry = document.record.id, (document.modified, document.record.id)
        if id_ in self._gone:
            return
        if id_ in self._documents:
            self._stale += 1
        self._documents[id_] = document
        if document.values.get("email"):
            self._emails[document.values["email"]] = id_
        if not self._times or entry > self._times[-1]:
            self._times.append(entry)
        elif self._times[at := bisect_left(self._times, entry)] != entry:
            self._times.insert(at, entry)
        if self._stale > 1000 + len(self._documents):
            self._times = sorted((d.modified, id_) for id_, d in self._documents.items())
            self._stale = 0
        self._version += 1

    def _reader(self, name: str) -> Callable[[Document], Key | None]:
        """How a property of a document is compared: numbers and times as numbers, choices as they are, text folded."""
        prop = self.properties.all.get(name)
        if prop is None:
            raise invalid(f"There was a problem with the request: property {name} does not exist")
        kind = prop["type"]
        if name == self.type.modified:
            return lambda document: document.modified
        if name == self.type.created:
            return lambda document: document.created
        if name == "hs_object_id":
            return lambda document: document.record.id

        def read(document: Document) -> Key | None:
            value = document.values.get(name)
            if value is None:
                return None
            if kind in ("number", "date", "datetime"):
                return _number_of(value)
            return value if kind == "enumeration" else value.lower()

        return read

    def _test(self, item: Mapping[str, Any]) -> Test:
        name, operator = str(item.get("propertyName")), item.get("operator")
        if operator not in OPERATORS:
            raise invalid(f"{operator} is not a search operator: use one of {', '.join(sorted(OPERATORS))}")
        read = self._reader(name)
        kind = self.properties.all[name]["type"]
        if operator == "HAS_PROPERTY":
            return lambda document: read(document) is not None
        if operator == "NOT_HAS_PROPERTY":
            return lambda document: read(document) is None
        if operator in _SETS:
            return _membership(read, item, kind, operator == "IN")
        if operator in _WORDS:
            words = _tokens(str(item.get("value")))
            return lambda d: _has_all(words, _tokens(str(read(d) or ""))) == (operator == "CONTAINS_TOKEN")
        if item.get("value") is None or (operator == "BETWEEN" and item.get("highValue") is None):
            raise invalid(f"operator {operator} on {name} needs a value")
        value = _operand(str(item["value"]), kind)
        high = _operand(str(item["highValue"]), kind) if operator == "BETWEEN" else None
        return _comparison(operator, read, value, high)

    def _sort(self, sorts: list[Any]) -> tuple[str, bool]:
        if len(sorts) > 1:
            raise invalid("Only one sort is allowed.")
        if not sorts:
            return self.type.created, False
        if isinstance(sorts[0], str):
            return sorts[0].lstrip("-"), sorts[0].startswith("-")
        return str(sorts[0].get("propertyName")), sorts[0].get("direction") == "DESCENDING"


def _groups(asked: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    groups = [list(group.get("filters") or []) for group in asked.get("filterGroups") or []]
    if asked.get("filters"):
        groups.append(list(asked["filters"]))
    if len(groups) > GROUPS:
        raise invalid(f"A search may have {GROUPS} filterGroups at most; got {len(groups)}")
    if any(len(group) > FILTERS for group in groups):
        raise invalid(f"A filterGroup may have {FILTERS} filters at most")
    if sum(map(len, groups)) > ALL_FILTERS:
        raise invalid(f"A search may have {ALL_FILTERS} filters at most")
    return groups


def _comparison(operator: str, read: Callable[[Document], Any], value: Any, high: Any) -> Test:
    match operator:
        case "EQ":
            return lambda document: read(document) == value
        case "NEQ":
            return lambda document: read(document) != value
        case "LT":
            return lambda document: (held := read(document)) is not None and held < value
        case "LTE":
            return lambda document: (held := read(document)) is not None and held <= value
        case "GT":
            return lambda document: (held := read(document)) is not None and held > value
        case "GTE":
            return lambda document: (held := read(document)) is not None and held >= value
    return lambda document: (held := read(document)) is not None and value <= held <= high


def _membership(read: Callable[[Document], Key | None], item: Mapping[str, Any], kind: str, wanted: bool) -> Test:
    """Text is compared in lower case, the values given are not lowered: upper-case ones match nothing, as there."""
    given = item.get("values")
    if not isinstance(given, list):
        raise invalid(f"operator {item.get('operator')} on {item.get('propertyName')} needs values")
    numeric = kind in ("number", "date", "datetime")
    values = {_number_of(str(value)) if numeric else str(value) for value in given}
    return lambda document: (read(document) in values) == wanted


def _operand(text: str, kind: str) -> Key:
    if kind in ("number", "date", "datetime"):
        return _number_of(text)
    return text if kind == "enumeration" else text.lower()


def _number_of(text: str) -> float:
    """A number, or a time in milliseconds from ISO 8601."""
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text} was not a valid long.") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def _has_all(words: list[str], tokens: list[str]) -> bool:
    """Whole words, unless a * stands for the rest."""
    patterns = [re.compile(re.escape(word).replace(r"\*", r"\w*")) for word in words]
    return all(any(pattern.fullmatch(token) for token in tokens) for pattern in patterns)


def _contains(document: Document, words: list[str], searched: Iterable[str]) -> bool:
    tokens = _tokens(" ".join(document.values.get(name, "") for name in searched))
    return all(any(token.startswith(word) for token in tokens) for word in words)


def _scrambled(id_: int) -> int:
    return id_ * 2654435761 % 4294967296


def _shown(document: Document, wanted: Iterable[str]) -> dict[str, Any]:
    shown = render(document.record, wanted, values=document.values)
    if document.modified != document.record.modified:
        stamp = iso(document.modified)
        shown["properties"][document.record.type.modified] = shown["updatedAt"] = stamp
    return shown
