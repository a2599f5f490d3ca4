"""Paginators as values, and the rule by which an incremental read may move its cursor.

A paginator is asked one thing: given the parameters of a page and the body that came back, with which parameters does
one ask for the next? `pages` is the one loop, and it stops a vendor that leads in circles.

Invariants: a loop of page tokens ends with ProtocolChanged, never with an endless run; a cursor never passes a change
that may not have been seen yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from connectors.base import Cursor
from connectors.errors import ProtocolChanged

Params = Mapping[str, Any]
Body = Any
Fetch = Callable[[Params], Awaitable[Body]]


SLACK = timedelta(hours=1)
"""How far a cursor may lie behind the start of the run that set it. Further back it protects from nothing, and a
system in which nobody edits would be read from its last import on, for ever."""


class Paginator(Protocol):
    def next(self, params: Params, body: Body) -> Params | None:
        """Parameters of the page after the one that `params` brought; None after the last."""
        ...


@dataclass(frozen=True, slots=True)
class ByCursor:
    """An opaque token in the body becomes a parameter. `path` leads to it: ("paging", "next", "after")."""

    param: str
    path: tuple[str, ...]

    def next(self, params: Params, body: Body) -> Params | None:
        token = dig(body, self.path)
        return {**params, self.param: token} if token not in (None, "") else None


@dataclass(frozen=True, slots=True)
class ByLink:
    """The body holds the address of the next page. Its query replaces ours; its path is given as "url"."""

    path: tuple[str, ...]

    def next(self, params: Params, body: Body) -> Params | None:
        link = dig(body, self.path)
        if not link:
            return None
        parts = urlsplit(str(link))
        return {"url": parts.path, **dict(parse_qsl(parts.query, keep_blank_values=True))}


@dataclass(frozen=True, slots=True)
class ByOffset:
    """Counting: for vendors that offer nothing better, since a record that moves shifts all that follow it.
    A page of fewer than `limit` records is the last."""

    limit: int
    records: tuple[str, ...] = ()
    param: str = "offset"

    def next(self, params: Params, body: Body) -> Params | None:
        found = dig(body, self.records) or ()
        return {**params, self.param: int(params.get(self.param, 0)) + len(found)} if len(found) >= self.limit else None


@dataclass(frozen=True, slots=True)
class ByKeyset:
    """The keys of the last record, in the order by which the vendor sorts, become parameters: nothing that is
    inserted, edited or deleted meanwhile can shift a page. A page of fewer than `limit` records is the last."""

    limit: int
    keys: tuple[tuple[str, tuple[str, ...]], ...]
    """(parameter, path within a record), e.g. (("after_time", ("modified",)), ("after_id", ("id",)))"""
    records: tuple[str, ...] = ()

    def next(self, params: Params, body: Body) -> Params | None:
        found: Sequence[Any] = dig(body, self.records) or ()
        if len(found) < self.limit:
            return None
        return {**params, **{param: dig(found[-1], path) for param, path in self.keys}}


class Turn(NamedTuple):
    body: Body
    next: Params | None
    """Parameters of the next page: what a checkpoint keeps. None on the last page."""


async def pages(
    fetch: Fetch, paginator: Paginator, start: Params, *, ahead: bool = False
) -> AsyncGenerator[Turn, None]:
    """Every page from `start` on. With `ahead` the next one is already under way while the caller works on this one.
    Raises ProtocolChanged where a page leads back to one that came before."""
    loop = LoopWatch(start)
    pending = asyncio.ensure_future(fetch(start))
    try:
        while True:
            body = await pending
            following = paginator.next(loop.current, body)
            if following is None:
                yield Turn(body, None)
                return
            loop.step(following)
            if ahead:
                pending = asyncio.ensure_future(fetch(following))
            yield Turn(body, following)
            if not ahead:
                pending = asyncio.ensure_future(fetch(following))
    finally:
        pending.cancel()


class LoopWatch:
    """Finds a cycle in page parameters with two of them in memory, however long the scan (Brent's algorithm)."""

    def __init__(self, start: Params) -> None:
        self.current = start
        self._mark = start
        self._steps = 0
        self._power = 1

    def step(self, following: Params) -> None:
        """Raises ProtocolChanged where `following` was seen before."""
        if following in (self.current, self._mark):
            raise ProtocolChanged(
                "A page leads back to one that came before it.", hint="The vendor's paging runs in circles."
            )
        self._steps += 1
        if self._steps == self._power:
            self._mark, self._steps, self._power = self.current, 0, self._power * 2
        self.current = following


class Position(BaseModel):
    """A connector's cursor, typed. JSON by `save`, back by `load`.

    Between two runs `began` and `at` are None and `since` says where the next one begins. While a read is under way
    `began` is its start and `at` the connector's own checkpoint in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: Literal["scan", "changes"]
    since: AwareDatetime | None = None
    began: AwareDatetime | None = None
    newest: AwareDatetime | None = None
    """The latest change time seen so far in the read under way."""
    at: dict[str, Any] | None = None
    memo: dict[str, Any] = {}
    """What a connector keeps from run to run besides (how far deletions were read)."""

    @classmethod
    def load(cls, cursor: Cursor) -> Position | None:
        """None for a cursor that is not ours (another version's, damaged): the caller scans everything."""
        try:
            return cls.model_validate_json(orjson.dumps(cursor))
        except (ValidationError, TypeError, ValueError):
            return None

    def save(self) -> Cursor:
        return self.model_dump(mode="json", exclude_none=True)

    def step(self, at: Mapping[str, Any], newest: datetime | None = None) -> Position:
        """The checkpoint after a page."""
        return self.model_copy(update={"at": dict(at), "newest": latest(self.newest, newest)})

    def finish(
        self, newest: datetime | None = None, memo: Mapping[str, Any] | None = None, slack: timedelta = SLACK
    ) -> Position:
        """Where the next run begins, now that this read is through. For `slack` see `next_since`."""
        return Position(
            phase="changes",
            since=next_since(self.began, latest(self.newest, newest), self.since, slack),
            memo=dict(memo) if memo is not None else self.memo,
        )


def next_since(
    began: datetime | None, newest: datetime | None, before: datetime | None, slack: timedelta = SLACK
) -> datetime | None:
    """min(run start, newest seen): the vendor's clock and ours may differ, and what changed while we read may have
    been missed. Where nothing new was seen the cursor stays, less `slack`.

    Where the vendor told its own time (`run_start`), the run start alone is right: pass no slack, and a quiet system
    is not read again at all. What becomes visible late is in either case the overlap's affair.
    """
    seen = latest(newest, before)
    if began is None or seen is None:
        return began or seen
    return min(began, max(seen, began - slack))


def read_from(since: datetime, overlap: timedelta) -> datetime:
    """Read again with >= from here: records become visible late."""
    return since - overlap


def run_start(ours: datetime, date_header: str | None) -> datetime:
    """When a run began, by whichever clock is behind: ours, or the vendor's own as its `Date` header tells it. With
    ours alone, one that is fast would let the cursor pass changes made while we read."""
    if not date_header:
        return ours
    try:
        theirs = parsedate_to_datetime(date_header)
    except (ValueError, TypeError):
        return ours
    return min(ours, theirs) if theirs.tzinfo is not None else ours


def latest(a: datetime | None, b: datetime | None) -> datetime | None:
    return max(a, b) if a is not None and b is not None else a or b


def dig(body: Any, path: Sequence[str]) -> Any:
    """The value at a path of names in nested objects; None where there is none."""
    for name in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body
