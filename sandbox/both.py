"""A marketing tool and a CRM side by side, holding one world: what the demo and the end-to-end tests start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import business_edits
from sandbox.gate import App
from sandbox.hubspot import FAST, HubSpot, Settings
from sandbox.hubspot.seeding import tell_story
from sandbox.people import World, make_world, to_hubspot
from sandbox.salesforce.seeding import to_salesforce
from sandbox.salesforce.server import Salesforce


@dataclass(frozen=True)
class Both:
    """`world` is what they held at first; what they hold now is in `hubspot.contacts` and `salesforce.org`."""

    world: World
    hubspot: HubSpot
    salesforce: Salesforce

    @classmethod
    def make(
        cls,
        seed: int = 7,
        *,
        marketing: int = 2000,
        crm: int = 1400,
        shared: int = 900,
        real_limits: bool = False,
        index_delay: float = 0.0,
        data: Path | None = None,
    ) -> Both:
        """Seeded, or as `save` left it in the folder `data`. Raises ValueError for sizes that do not fit."""
        world = make_world(seed, marketing=marketing, crm=crm, shared=shared)
        settings = replace(Settings() if real_limits else FAST, index_delay=index_delay)
        both = cls(world, HubSpot(settings, seed=seed), Salesforce(seed=seed))
        if data is not None and (data / "hubspot.json").exists() and (data / "salesforce.json").exists():
            both.hubspot.load(data / "hubspot.json")
            both.salesforce.load(data / "salesforce.json")
        else:
            now = datetime.now(UTC)
            both.hubspot.seed(to_hubspot(person, now) for person in world.marketing)
            tell_story(both.hubspot, world, now)
            both.salesforce.seed(to_salesforce(person, now) for person in world.crm)
            both.salesforce.seed_business(world, now)
        return both

    @property
    def apps(self) -> dict[str, App]:
        return {"hubspot": self.hubspot.app, "salesforce": self.salesforce.app}

    def play(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        """Make one of `sandbox.people.demo_edits`, or of `sandbox.business_edits`, in the system that it is for. Raises ValueError."""
        return (self.hubspot if edit["system"] == "marketing" else self.salesforce).edit(native(edit))

    def save(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.hubspot.save(data / "hubspot.json")
        self.salesforce.save(data / "salesforce.json")


def native(edit: Mapping[str, Any]) -> dict[str, Any]:
    """The edit in the words of the system it is for: what `POST /__sandbox__/state` takes."""
    if "of" in edit:
        return business_edits.native(edit)
    convert = to_hubspot if edit["system"] == "marketing" else to_salesforce
    return {**edit, "fields": convert(edit["fields"])}
