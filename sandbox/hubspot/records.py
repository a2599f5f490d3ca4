"""The records of one type in a portal: what is stored, what is unique, what becomes of one that is merged or archived.

A record's values are never changed in place: every write puts a new dict, so that the search index may keep the one
it knew. Each write is all or nothing.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.clock import Clock
from sandbox.hubspot.errors import conflict, invalid, invalid_values, not_found, value_problem
from sandbox.hubspot.object_types import ObjectType
from sandbox.hubspot.properties import Properties, iso
from sandbox.hubspot.settings import Settings

Values = dict[str, str]
KEPT_DAYS = 90
"""An archived record is gone for good after this many days."""

Rule = Callable[[Values, "Record | None"], Values]
"""What the portal wants of the values of a write, beyond each for itself; returns what it sets besides. Raises Refused."""


@dataclass(slots=True, eq=False)
class Record:
    """`values` hold what is not blank, without the three that every record has. Times: milliseconds since 1970."""

    type: ObjectType
    id: int
    values: Values
    created: int
    modified: int
    archived: int | None = None
    shown: dict[str, str] | None = None

    def system(self) -> dict[str, str]:
        """The three values that HubSpot adds to every answer."""
        if self.shown is None:
            self.shown = {
                self.type.created: iso(self.created),
                "hs_object_id": str(self.id),
                self.type.modified: iso(self.modified),
            }
        return self.shown


@dataclass(slots=True)
class Write:
    """One write that was checked and can be carried out. `named`: the properties it spoke of, changed or not."""

    record: Record | None
    named: tuple[str, ...]
    changed: Values


class Records:
    """`on_change(record)` is told of every write, `on_gone(id)` of every record that is no longer live: then either
    `on_end(id)`, or `on_merge` with the ids that a new one took the place of; `on_erase` of addresses to forget."""

    def __init__(
        self, type: ObjectType, properties: Properties, clock: Clock, settings: Settings, lock: threading.RLock
    ) -> None:
        self.type = type
        self.properties = properties
        self.clock = clock
        self.settings = settings
        self.lock = lock
        self.live: dict[int, Record] = {}
        self.archived: dict[int, Record] = {}
        self.became: dict[int, int] = {}
        self.opted_out: set[str] = set()
        self.erased: set[str] = set()
        self.by_value: dict[str, dict[str, int]] = {"email": {}} if "email" in properties.all else {}
        self.ids: list[int] = []
        self.archived_ids: list[int] = []
        self.last_id = 101
        self.on_change: Callable[[Record], None] = lambda record: None
        self.on_gone: Callable[[int], None] = lambda id_: None
        self.on_end: Callable[[int], None] = lambda id_: None
        self.on_erase: Callable[[set[str]], None] = lambda emails: None
        self.on_merge: Callable[[list[int], int], None] = lambda old, new: None
        self.rule: Rule = lambda values, record: {}

    # Finding

    def find(self, key: str, id_property: str | None = None, *, archived: bool = False) -> Record | None:
        """The record by id, or by a unique property. The id of a record that was merged away finds its survivor."""
        if id_property in (None, "", "hs_object_id", "id"):
            return self._by_id(key, archived)
        assert id_property is not None
        if id_property != "email":
            prop = self.properties.all.get(id_property)
            if prop is None or not prop["hasUniqueValue"]:
                raise invalid(f"Unable to perform update/upsert by non-unique {self.type.id} property {id_property}")
        held = self._index(id_property).get(key.strip().lower() if id_property == "email" else key)
        return None if held is None or archived else self.live[held]

    def get(self, key: str, id_property: str | None = None, *, archived: bool = False) -> Record:
        record = self.find(key, id_property, archived=archived)
        if record is None:
            raise not_found()
        return record

    def page(
        self, after: int, limit: int, *, archived: bool, shift: Callable[[int, int], int]
    ) -> tuple[list[Record], int | None]:
        """Up to `limit` contacts with ids above `after`, in the order of their ids, and the next `after` if there are
        more. `shift(start, limit)` says where the page really begins (`sandbox.faults.page_start`); it does not move
        the cursor: that would be a loop, not a repetition."""
        if archived:
            self._purge()
        ids, held = (self.archived_ids, self.archived) if archived else (self.ids, self.live)
        start = bisect_right(ids, after)
        shown = shift(start, limit)
        following = ids[start + limit - 1] if start + limit < len(ids) else None
        return [held[id_] for id_ in ids[shown : shown + limit]], following

    # Writing

    def check_create(self, given: Mapping[str, Any], *, trusted: bool = False) -> Write:
        """Raises Refused where HubSpot would."""
        values = {name: value for name, value in self.properties.store(given, trusted=trusted).items() if value}
        if not any(values.get(name) for name in self.type.needs) and not trusted:
            needs = " or ".join(self.type.needs)
            raise invalid(f"At least one of {needs} must be set to create a {self.type.one}.")
        values |= self.rule(values, None)
        self._check_unique(values, None)
        return Write(None, tuple(given), values)

    def check_update(self, record: Record, given: Mapping[str, Any], *, trusted: bool = False) -> Write:
        """Raises Refused where HubSpot would. A life-cycle stage that lies behind is left out without a word: the
        stage can only be set forward, unless it was cleared first (contacts guide)."""
        values = self.properties.store(given, trusted=trusted)
        stage, old = values.get("lifecyclestage"), record.values.get("lifecyclestage")
        if stage and old and not trusted:
            order = self.properties.stages()
            if old in order and order.index(stage) < order.index(old):
                del values["lifecyclestage"]
        changed = {name: value for name, value in values.items() if record.values.get(name, "") != value}
        changed |= self.rule(changed, record)
        self._check_unique(changed, record.id)
        return Write(record, tuple(given), changed)

    def carry_out(self, write: Write) -> Record:
        return self._create(write.changed) if write.record is None else self._update(write.record, write.changed)

    def create(self, given: Mapping[str, Any], *, trusted: bool = False) -> Record:
        return self.carry_out(self.check_create(given, trusted=trusted))

    def plant(self, given: Mapping[str, str]) -> Record:
        """A record with a past: when it was created and last modified (milliseconds) may be given."""
        created, modified = self.type.created, self.type.modified
        times = {name: int(given[name]) for name in (created, modified) if name in given}
        write = self.check_create({n: v for n, v in given.items() if n not in times}, trusted=True)
        if write.changed.get("hs_email_optout") == "true" and "email" in write.changed:
            self.opted_out.add(write.changed["email"])
        return self._create(write.changed, times.get(created), times.get(modified))

    def update(self, record: Record, given: Mapping[str, Any], *, trusted: bool = False) -> Record:
        if not given:
            raise invalid("No properties found to update, please provide at least one.", properties=["{}"])
        return self.carry_out(self.check_update(record, given, trusted=trusted))

    def archive(self, key: str) -> None:
        """To the recycling bin. Does not touch lastmodifieddate; an unknown id is no error (204 all the same)."""
        record = self.find(key)
        if record is not None:
            self._take_out(record)
            self.on_end(record.id)
            record.archived = self.now()
            self.archived[record.id] = record
            self.archived_ids.insert(bisect_left(self.archived_ids, record.id), record.id)

    def erase(self, key: str, id_property: str | None = None) -> None:
        """GDPR delete: for good, archived or not. Its addresses are blocked: nobody may create a contact with one again
        (https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/gdpr/gdpr-delete-contact)."""
        record = self.find(key, id_property) or self.find(key, id_property, archived=True)
        if record is None:
            if id_property == "email":
                self.erased.add(key.strip().lower())
                return
            raise not_found()
        self.erased.update(_all_emails(record))
        self.on_erase(set(_all_emails(record)))
        if record.archived is None:
            self._take_out(record)
            self.on_end(record.id)
        else:
            self._forget(record.id)

    def merge(self, primary_key: str, other_key: str) -> Record:
        """Two contacts become a third, with a new id. The old ids are neither live nor archived any more; reading
        one gives the survivor, whose hs_merged_object_ids names them all."""
        primary, other = self.get(primary_key), self.get(other_key)
        if primary is other:
            raise invalid("Cannot merge an object with itself", ids=[primary_key, other_key])
        values = {**other.values, **primary.values}
        order = self.properties.stages()
        stages = [v for c in (primary, other) if (v := c.values.get("lifecyclestage")) in order]
        if stages:
            values["lifecyclestage"] = max(stages, key=order.index)
        emails = _all_emails(primary) + _all_emails(other)
        if emails[1:]:
            values["hs_additional_emails"] = ";".join(dict.fromkeys(emails[1:]))
        ancestors = [part for c in (primary, other) for part in (*_parts(c, "hs_merged_object_ids"), str(c.id))]
        values["hs_merged_object_ids"] = ";".join(dict.fromkeys(ancestors))
        self._take_out(primary)
        self._take_out(other)
        merged = self._create(values, created=min(primary.created, other.created))
        for old in ancestors:
            self.became[int(old)] = merged.id
        self.on_merge([primary.id, other.id], merged.id)
        return merged

    def restore(self, record: Record) -> None:
        """Take a record as it was saved; ids must come in ascending order."""
        if record.archived is None:
            self.live[record.id] = record
            self.ids.append(record.id)
            self._set(record, record.values)
        else:
            self.archived[record.id] = record
            self.archived_ids.append(record.id)

    def opt_out(self, email: str) -> None:
        """Unsubscribe an address from everything. It stays so, whether or not a record has it yet, and there is no
        way back by API (https://legacydocs.hubspot.com/docs/methods/email/update_status)."""
        address = email.strip().lower()
        self.opted_out.add(address)
        held = self.by_value["email"].get(address)
        if held is not None:
            self.update(self.live[held], {"hs_email_optout": "true"}, trusted=True)

    def note(self, record: Record, values: Values, *, quietly: bool = False) -> None:
        """What the portal itself keeps on a record (how many are associated with it): moves the time of its change,
        unless `quietly`."""
        if any(record.values.get(name, "") != value for name, value in values.items()):
            if not quietly:
                record.modified, record.shown = self.now(), None
            merged = {**record.values, **values}
            self._set(record, {name: value for name, value in merged.items() if value})

    def now(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    # Inside

    def _by_id(self, key: str, archived: bool) -> Record | None:
        if not key.isdecimal():
            return None
        id_ = int(key)
        while id_ in self.became:
            id_ = self.became[id_]
        return (self.archived if archived else self.live).get(id_)

    def _index(self, name: str) -> dict[str, int]:
        """Values of a unique property; made on its first use."""
        if name not in self.by_value:
            self.by_value[name] = {c.values[name]: c.id for c in self.live.values() if name in c.values}
        return self.by_value[name]

    def _check_unique(self, values: Values, own: int | None) -> None:
        email = values.get("email")
        if email in self.erased:
            text = f"Email address {email} belongs to a contact that was permanently deleted (GDPR)"
            raise invalid_values([value_problem("email", "INVALID_EMAIL", text)])
        if email:
            held = self.by_value["email"].get(email)
            if held is not None and held != own:
                raise conflict(held)
        for name, value in values.items():
            if value and name != "email" and self.properties.all[name]["hasUniqueValue"]:
                held = self._index(name).get(value)
                if held is not None and held != own:
                    text = f"A {self.type.one} with {name} {value} already exists. Existing ID: {held}"
                    raise invalid_values([value_problem(name, "CONFLICTING_UNIQUE_VALUE", text)])

    def _create(self, values: Values, created: int | None = None, modified: int | None = None) -> Record:
        now = self.now() if modified is None else modified
        self.last_id += 50 + self.last_id % 7  # as there: growing, with gaps
        record = Record(self.type, self.last_id, {}, now if created is None else created, now)
        self.ids.append(record.id)
        self.live[record.id] = record
        self._set(record, self._with_consequences({}, values, now))
        return record

    def _update(self, record: Record, changed: Values) -> Record:
        if changed or self.settings.touch_on_no_op:
            record.modified, record.shown = self.now(), None
            self._unindex(record)
            merged = {**record.values, **self._with_consequences(record.values, changed, record.modified)}
            self._set(record, {name: value for name, value in merged.items() if value})
        return record

    def _with_consequences(self, old: Values, changed: Values, now: int) -> Values:
        """What HubSpot sets by itself when a value is written."""
        implied: Values = {}
        stage = changed.get("lifecyclestage")
        if stage and f"hs_lifecyclestage_{stage}_date" in self.properties.all:
            implied[f"hs_lifecyclestage_{stage}_date"] = iso(now)
        elif stage == "" and old.get("lifecyclestage"):
            implied[f"hs_lifecyclestage_{old['lifecyclestage']}_date"] = ""
        if changed.get("email") in self.opted_out:
            implied["hs_email_optout"] = "true"
        return {**implied, **changed} if implied else changed

    def _set(self, record: Record, values: Values) -> None:
        record.values = values
        for name, index in self.by_value.items():
            if name == "email":
                for address in _all_emails(record):
                    index[address] = record.id
            elif name in values:
                index[values[name]] = record.id
        self.on_change(record)

    def _unindex(self, record: Record) -> None:
        for name, index in self.by_value.items():
            if name == "email":
                for address in _all_emails(record):
                    index.pop(address, None)
            elif name in record.values:
                index.pop(record.values[name], None)

    def _take_out(self, record: Record) -> None:
        self._unindex(record)
        del self.live[record.id]
        del self.ids[bisect_left(self.ids, record.id)]
        self.on_gone(record.id)

    def _forget(self, id_: int) -> None:
        del self.archived[id_]
        del self.archived_ids[bisect_left(self.archived_ids, id_)]

    def _purge(self) -> None:
        oldest = self.now() - KEPT_DAYS * 86_400_000
        for id_ in [id_ for id_, c in self.archived.items() if (c.archived or 0) < oldest]:
            self._forget(id_)


def _parts(record: Record, name: str) -> list[str]:
    held = record.values.get(name)
    return held.split(";") if held else []


def _all_emails(record: Record) -> list[str]:
    """Additional addresses are unique too."""
    email = record.values.get("email")
    return ([email] if email else []) + _parts(record, "hs_additional_emails")
