"""The only caller of httpx: limits, patience, and what a vendor's answer means for the caller.

    answer = await http.request("POST", "/crm/v3/objects/contacts/search", json=query, idempotent=True, expect=("results",))

What it is not: it knows no vendor. What is peculiar to one (how it words a refusal, which headers count calls) comes
in as a `Dialect`.

Invariants: a call that may have been carried out is sent again only where the caller says that twice is as good as
once; patience always ends; no message ever holds a secret, a query string or a request header.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from connectors.auth import Credentials
from connectors.base import Budget
from connectors.bodies import parse
from connectors.client import asking, open_client
from connectors.dialect import Dialect, Headers, Refusal, by_status, seconds_in, words
from connectors.errors import (
    ConnectorError,
    Misconfigured,
    ProtocolChanged,
    RateLimited,
    Reject,
    Unavailable,
)
from connectors.limits import DEFAULT, Monotonic, RateLimits, Sleep
from connectors.scrub import scrub

__all__ = ["Answer", "Dialect", "Expect", "Headers", "Http", "Patience", "Refusal", "open_client"]

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """A response that was expected. `json` is None where the caller asked for bytes or nothing."""

    status: int
    headers: Headers
    json: Any
    content: bytes


Expect = type[dict[str, Any]] | type[list[Any]] | type[bytes] | Collection[str] | None
"""dict or list: JSON of that shape. Names: a JSON object that has them. bytes: the body as it is. None: anything."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call is tried before the caller hears of it. Times in seconds.

    Waits double from `first` to `longest`, at random between nothing and that, and are never shorter than the vendor
    asks. A vendor that asks for more than `total` is told on at once.
    """

    attempts: int = 6
    total: float = 90.0
    first: float = 0.5
    longest: float = 20.0
    unreadable: int = 3
    """Tries while answers come that are not what was asked for (a proxy's page, half a body)."""


WHAT_HAPPENED: Mapping[type[httpx.HTTPError], str] = {
    httpx.ConnectError: "could not be reached",
    httpx.ConnectTimeout: "did not take the connection in time",
    httpx.PoolTimeout: "had no connection free in time",
    httpx.ReadTimeout: "did not answer in time",
    httpx.RemoteProtocolError: "broke the connection off",
}


MOST_ADDRESSES = 64


class Http:
    """One connector's calls. Share one per connector: it keeps the rate, the count and the token.

    Raises RateLimited and Unavailable once patience is spent, Unauthorized, Misconfigured, ProtocolChanged; and
    Reject only where `rejects` is True (a write).
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        dialect: Dialect,
        *,
        limits: RateLimits | None = None,
        patience: Patience | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Monotonic = time.monotonic,
    ) -> None:
        self.client = client
        self.dialect = dialect
        self.limits = limits or RateLimits(clock=clock, sleep=sleep)
        self.patience = patience or Patience()
        self.calls = 0
        self._sleep = sleep
        self._clock = clock
        self._allowance: tuple[int, int] | None = None
        self._addresses: dict[str, httpx.URL] = {}

    def budget(self) -> Budget:
        used, limit = self._allowance or (None, None)
        return Budget(used=used, limit=limit, calls=self.calls)

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        expect: Expect = dict,
        accept: Collection[int] = (),
        rejects: bool = False,
        policy: str = DEFAULT,
    ) -> Answer:
        """One call, tried until it is answered or patience ends.

        `idempotent`: twice is as good as once (default: GET, PUT, DELETE and HEAD are). `accept`: statuses from 300
        up that are answers, too. `rejects`: a refusal that blames a record is raised as Reject; elsewhere the same
        refusal means that our request is wrong, which is Misconfigured. `policy`: which rate policy counts the call.
        """
        body = orjson.dumps(json) if json is not None else content
        sent = {"content-type": "application/json"} if json is not None else {}
        address = self._address(url)
        request = self.client.build_request(
            method, address, content=body, headers={**sent, **(headers or {})}, extensions=asking(address, params)
        )
        call = _Call(
            request=request,
            what=f"{method} {request.url.path}",
            idempotent=method in ("GET", "PUT", "DELETE", "HEAD") if idempotent is None else idempotent,
            expect=expect,
            accept=accept,
            policy=policy,
        )
        try:
            return await self._patiently(call)
        except Reject as error:
            if rejects:
                raise
            raise Misconfigured(error.message, hint=error.hint) from None
        except _Unreadable as error:
            if call.idempotent and not error.cut:
                raise ProtocolChanged(error.message, hint=error.hint) from None
            raise Unavailable(error.message, sent=True, hint=error.hint) from None

    async def aclose(self) -> None:
        await self.client.aclose()

    def _address(self, url: str) -> httpx.URL:
        """The whole address of a path that is called again and again: to put it together takes httpx two of the three
        times that it takes a URL apart for one call. Paths that hold an id would fill the memory for nothing."""
        known = self._addresses.get(url)
        if known is None and len(self._addresses) < MOST_ADDRESSES and "?" not in url:
            known = self._addresses[url] = self.client.build_request("GET", url).url
        return known or self.client.build_request("GET", url).url

    async def _patiently(self, call: _Call) -> Answer:
        """The ordinary call, which is answered at once, does not pay for the machinery that the others need."""
        began = self._clock()
        try:
            return await self._once(call)
        except ConnectorError as error:
            first = error
        return await self._again(call, first, began)

    async def _again(self, call: _Call, first: ConnectorError, began: float) -> Answer:
        """The tries after the first one, which has failed."""
        failed = [first]

        async def attempt() -> Answer:
            if failed:
                raise failed.pop()
            return await self._once(call)

        patience, unreadable = self.patience, 0
        backoff = wait_random_exponential(multiplier=patience.first, max=patience.longest)

        def wait(state: RetryCallState) -> float:
            return max(backoff(state), getattr(_failure(state), "retry_after", None) or 0.0)

        def stop(state: RetryCallState) -> bool:
            nonlocal unreadable
            unreadable += isinstance(_failure(state), _Unreadable)
            return (
                state.attempt_number >= patience.attempts
                or unreadable >= patience.unreadable
                or self._clock() - began + state.upcoming_sleep > patience.total
            )

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: call.may_repeat(error)),
            wait=wait,
            stop=stop,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(attempt)

    async def _once(self, call: _Call) -> Answer:
        async with self.limits.slot(call.policy):
            self.calls += 1
            began = self._clock()
            try:
                response = await self.client.send(call.request)
            except httpx.HTTPError as error:
                log.debug("%s %s: %s", self.dialect.vendor, call.what, type(error).__name__)
                raise self._unanswered(call, error) from None
            except ConnectorError as error:
                raise self.clean(error) from None
        response.stream = _READ
        log.debug("%s %s: %d in %.3f s", self.dialect.vendor, call.what, response.status_code, self._clock() - began)
        self._heed(response.headers, began)
        if response.status_code >= 300 and response.status_code not in call.accept:
            raise self._refused(call, response)
        return self._read(call, response)

    def _heed(self, headers: Headers, sent: float) -> None:
        if seen := self.dialect.seen(headers):
            self.limits.correct(seen, sent)
        self._allowance = self.dialect.allowance(headers) or self._allowance

    def _read(self, call: _Call, response: httpx.Response) -> Answer:
        content = response.content
        if call.expect is bytes or (call.expect is None and not content):
            return Answer(response.status_code, response.headers, None, content)
        try:
            parsed = parse(content)
        except ValueError:
            if call.expect is None:
                return Answer(response.status_code, response.headers, None, content)
            cut = content.lstrip()[:1] in (b"{", b"[")
            found = "a body that was cut off" if cut else "something that is not JSON"
            raise _Unreadable(f"{self._said(call)} with {found}.", cut=cut) from None
        if response.status_code >= 300:
            parsed = self._scrub_all(parsed)
        if (wrong := misshapen(parsed, call.expect)) and response.status_code not in call.accept:
            if call.idempotent:
                raise ProtocolChanged(f"{self._said(call)} with {wrong}.")
            raise Unavailable(f"{self._said(call)} with {wrong}.")
        return Answer(response.status_code, response.headers, parsed, content)

    def _refused(self, call: _Call, response: httpx.Response) -> ConnectorError:
        try:
            parsed = parse(response.content)
        except ValueError:
            parsed = None
        text = self._scrub(words(parsed, response.text))
        status = response.status_code
        error = self.dialect.classify(Refusal(status, response.headers, parsed, text, call.what))
        if error is None:
            message = f"{self._said(call)} {status}{': ' + text if text else '.'}"
            error = by_status(status, message, response.headers)
        if isinstance(error, RateLimited):
            if error.retry_after is None:
                error.retry_after = seconds_in(response.headers.get(self.dialect.retry_after))
            self.limits.pause(call.policy, min(error.retry_after or 0.0, self.patience.total))
        return self.clean(error)

    def _unanswered(self, call: _Call, error: httpx.HTTPError) -> ConnectorError:
        never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        signing_in = getattr(error, "_request", None) is not None and error.request.url.path != call.request.url.path
        if isinstance(error, httpx.UnsupportedProtocol | httpx.TooManyRedirects):
            return Misconfigured(f"{self.dialect.vendor} cannot be called at this address.", hint="Check base_url.")
        happened = WHAT_HAPPENED.get(type(error), "lost the connection")
        return Unavailable(
            f"{self.dialect.vendor} {happened} ({call.what}).",
            sent=not (never_left or signing_in),
            hint="Check the network and the vendor's status page; nothing is lost, the next run goes on from here.",
        )

    def _said(self, call: _Call) -> str:
        return f"{self.dialect.vendor} answered {call.what}"

    def clean(self, error: ConnectorError) -> ConnectorError:
        """The error without secrets: for words of the vendor that came with an answer, not with a refusal."""
        error.message, error.hint = self._scrub(error.message), self._scrub(error.hint)
        error.args = (error.message,)
        return error

    def _scrub_all(self, parsed: Any) -> Any:
        """An accepted refusal, whose words end in messages just as those of any other do."""
        if isinstance(parsed, dict):
            return {name: self._scrub_all(value) for name, value in parsed.items()}
        if isinstance(parsed, list):
            return [self._scrub_all(value) for value in parsed]
        return self._scrub(parsed) if isinstance(parsed, str) else parsed

    def _scrub(self, text: str) -> str:
        auth = self.client.auth
        return scrub(text, auth.secrets() if isinstance(auth, Credentials) else ())


@dataclass(frozen=True, slots=True)
class _Call:
    request: httpx.Request
    what: str
    idempotent: bool
    expect: Expect
    accept: Collection[int]
    policy: str

    def may_repeat(self, error: BaseException) -> bool:
        """429 means that the vendor did nothing; otherwise only what was never sent, or does no harm twice."""
        if isinstance(error, Unavailable):
            return self.idempotent or not error.sent
        return isinstance(error, RateLimited)


class _Unreadable(Unavailable):
    def __init__(self, message: str, *, cut: bool) -> None:
        super().__init__(message, sent=True, hint="Look whether a proxy or a login page stands between.")
        self.cut = cut


def misshapen(parsed: Any, expect: Expect) -> str:
    """What is wrong with the shape of an answer, in words; "" where nothing is."""
    if expect is None:
        return ""
    if isinstance(expect, type):
        return "" if isinstance(parsed, expect) else f"a JSON {type(parsed).__name__}, not a {expect.__name__}"
    if not isinstance(parsed, dict):
        return f"a JSON {type(parsed).__name__}, not an object"
    missing = [name for name in expect if name not in parsed]
    return f"an object that lacks {', '.join(missing)}" if missing else ""


_READ = httpx.ByteStream(b"")
"""In place of the stream of an answer that has been read: stream and answer point at each other, and so each page would
lie about in memory until Python looks for cycles."""


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
