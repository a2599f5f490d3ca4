"""From a name in the configuration to a connector. The only list of connectors; each is imported when first asked for.

A connector's module has a pydantic `Settings` (extra="forbid") and a class that is called as
`TheClass(name, settings, clock=clock)`; adding one is one line here.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from connectors.base import Clock, Connector, utc_now
from connectors.errors import Misconfigured

CONNECTORS: Mapping[str, tuple[str, str]] = {
    "file": ("connectors.file", "Files"),
    "hubspot": ("connectors.hubspot", "HubSpot"),
    "memory": ("connectors.memory_file", "MemoryFile"),
    "salesforce": ("connectors.salesforce", "Salesforce"),
    "tryton": ("connectors.tryton", "Tryton"),
}


def connect(name: str, connector: str, settings: Mapping[str, Any], *, clock: Clock = utc_now) -> Connector:
    """The connector for system `name`. Nothing is sent yet. Raises Misconfigured for an unknown connector and for
    settings that do not fit, all of them at once, without showing any value."""
    module, made_by = _module(connector)
    checked = _checked(name, getattr(module, "Settings"), settings)  # noqa: B009  (a module, not an object of ours)
    made: Connector = getattr(module, made_by)(name, checked, clock=clock)
    return made


def settings_of(connector: str) -> type[BaseModel]:
    """The settings that a connector takes, for validation and JSON Schema. Raises Misconfigured."""
    module, _ = _module(connector)
    model: type[BaseModel] = module.Settings
    return model


def _module(connector: str) -> tuple[Any, str]:
    if connector not in CONNECTORS:
        raise Misconfigured(f"There is no connector called {connector!r}.", hint=nearest(connector, CONNECTORS))
    path, made_by = CONNECTORS[connector]
    return importlib.import_module(path), made_by


def _checked(name: str, model: type[BaseModel], settings: Mapping[str, Any]) -> BaseModel:
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        problems = [
            _problem(".".join(str(part) for part in one["loc"]), one["type"], one["msg"], model)
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Misconfigured(f"The settings of system {name!r} do not fit: {'; '.join(problems)}.") from None


def _problem(where: str, kind: str, message: str, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        return f"{where}: no such setting. {nearest(where, model.model_fields)}"
    return f"{where}: {message}" if where else message


def nearest(word: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(sorted(known))}."
