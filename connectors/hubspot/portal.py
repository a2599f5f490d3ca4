"""What the connectors of one HubSpot account share: the way in, the limits, the count of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from connectors.base import Budget, Capabilities, Clock, Connector, Kind, RemoteField, Write, WriteResult, no_such_kind
from connectors.errors import Invalid, Misconfigured
from connectors.http import Http
from connectors.hubspot.api import Settings

Make = Callable[["Portal"], Connector]


class Portal:
    """`makers` make the connectors of the other kinds, each once, when it is first asked for."""

    def __init__(self, name: str, settings: Settings, http: Http, clock: Clock, makers: Mapping[Kind, Make]) -> None:
        self.name = name
        self.settings = settings
        self.http = http
        self.clock = clock
        self.overlap = timedelta(seconds=settings.overlap_seconds)
        self.kinds: frozenset[Kind] = frozenset(makers)
        self._makers = makers
        self._made: dict[Kind, Connector] = {}

    def of(self, kind: Kind) -> Connector:
        """Raises Misconfigured."""
        if kind not in self._makers:
            raise no_such_kind(self.name, kind)
        if kind not in self._made:
            self._made[kind] = self._makers[kind](self)
        return self._made[kind]

    def keep(self, connector: Connector) -> None:
        """The one that was connected is the one for its kind."""
        self._made[connector.kind] = connector


class ReadOnly:
    """What the connectors have in common that only read: everything that writes says no."""

    def __init__(self, portal: Portal, kind: Kind, can: Capabilities) -> None:
        self.name = portal.name
        self.kind: Kind = kind
        self.kinds = portal.kinds
        self.can = can
        self._portal = portal
        self._http = portal.http

    def of(self, kind: Kind) -> Connector:
        return self._portal.of(kind)

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        """Raises Misconfigured."""
        if wanted:
            raise Misconfigured(f"HubSpot's records of kind {self.kind} take no fields of ours.", hint="Map none.")
        return []

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        return [WriteResult("rejected", id=one.id, error=self._no()) for one in batch]

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        return [WriteResult("rejected", id=id, error=self._no()) for id in ids]

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        return [WriteResult("rejected", id=id, error=self._no()) for id in ids]

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        return WriteResult("rejected", id=loser_id, error=self._no())

    def budget(self) -> Budget:
        return self._http.budget()

    async def aclose(self) -> None:
        await self._http.aclose()

    def _no(self) -> Invalid:
        return Invalid(f"HubSpot's records of kind {self.kind} are only read.")
