"""What a test turns on and off in an org, and the administrator of a real one has decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Switches:
    """What a test turns on and off. Times are in seconds of `Clock.elapsed`."""

    duplicate_rule: bool = False
    """A create whose e-mail some lead or contact has already is refused, unless the client says allowSave."""
    late_visibility: float = 0.0
    """Queries show a write only so long after it, with the SystemModstamp of the write: as a long transaction does."""
    locked: set[str] = field(default_factory=set)
    """Ids of records that somebody else is writing to."""
    lock_next: int = 0
    """So many writes from now on meet a locked row."""
    field_level_security: bool = True
    """A field created by the API stays out of sight until a permission set shows it."""
    hidden: set[str] = field(default_factory=set)
    """Names of objects that the integration user has no access to."""
    hard_delete: bool = False
    """The user has the permission "Bulk API Hard Delete", which nobody has from the start."""
    page_size: int = 2000
    session_seconds: float = 7200.0
    """A session ends this long after it was last used."""
    bulk_polls: int = 1
    """So many looks at a bulk job that still find it at work."""
    bulk_seconds: float = 0.0
    """... and so long a time."""

    def set(self, switches: Mapping[str, Any]) -> None:
        """Raises ValueError for a switch that is not there."""
        for name, value in switches.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"no switch is called {name!r}: use one of {', '.join(self.__dataclass_fields__)}")
            setattr(self, name, set(value) if name in ("locked", "hidden") else value)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "locked": sorted(self.locked), "hidden": sorted(self.hidden)}
