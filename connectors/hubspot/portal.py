"""What the connectors of one HubSpot account share: the way in, the limits, the count of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.base import Clock, Connector, Kind, no_such_kind
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
