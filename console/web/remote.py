"""The fields that a system has, where its schema is known here; the editor of mappings does without where it is not.

Invariant: no page waits for a vendor: this is what was read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mapping.fields import Kind

if TYPE_CHECKING:
    from console.web.site import Site


@dataclass(frozen=True)
class RemoteField:
    """`fill`: share of the records that have a value, from 0 to 1; None where nobody has counted."""

    name: str
    label: str = ""
    type: str = ""
    options: Sequence[str] = ()
    writable: bool = True
    required: bool = False
    fill: float | None = None
    samples: Sequence[Any] = ()


def remote_fields(site: Site, system: str, kind: Kind) -> dict[str, RemoteField]:
    """By name; empty where nothing is known."""
    return {}
