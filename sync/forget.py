"""Forget a person: in every system that can, and in our own database.

Effects: erases in the systems, and in the store. The order is the safety: the intent (which records, which hashes) is
committed first, from then on the person is not taken in again; then our own rows go, in one commit; then the systems,
one by one, with every answer noted. Whatever a crash or a system that is down leaves open is in the intent, by ids
alone, and `carry_out` goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.base import Clock, Connector, Key, Write, WriteResult
from connectors.errors import ConnectorError
from mapping.fields import Fields, Kind, place
from mapping.mapper import Mapper
from mapping.rules import Rules
from state.erasures import ErasedRecord, Erasure
from state.history import History, shown_fields
from state.ids import new_id
from state.store import Store
from sync.forgotten import EMAIL, PHONE, Forgotten, values_of
from sync.match import match_keys

LEAD: Kind = "lead"
REQUIRED = "Erased"
"""What stands in a field that may not be blank."""


@dataclass
class Person:
    """All that is known of somebody. `rows`: how many rows of each of our tables are about them; `others`: leads that
    may be the same person and are not touched."""

    hubs: list[str]
    emails: set[str]
    phones: set[str]
    names: set[str]
    records: list[ErasedRecord]
    rows: dict[str, int]
    others: list[str] = field(default_factory=list)

    @property
    def words(self) -> set[str]:
        """By what they can be found in a text."""
        return {word for word in self.emails | self.phones | self.names if len(word) > 5}

    @property
    def marks(self) -> set[str]:
        """By what rows name them that nobody has placed yet: addresses, and the hashes by which leads are found."""
        found = {str(key) for email in self.emails for _, key in match_keys({EMAIL: email}, ((EMAIL,),))}
        return self.emails | found

    def keys(self) -> list[tuple[str, str, str]]:
        return [(record.system, record.kind, record.id) for record in self.records]


async def survey(rules: Rules, connectors: Mapping[str, Connector], store: Store, hub_id: str) -> Person:
    """Who it is, and what of them is where. Looks into every system for records that were not read yet. Raises
    ConnectorError where one cannot be asked: nobody is half forgotten by mistake."""
    ids = store.same_person(hub_id)
    hubs = list(store.hubs(ids).values())
    history = History(store)
    changes = [change for some in history.changes(ids).values() for change in some]
    parts = [
        *(hub.fields for hub in hubs),
        *(part for hub in hubs for link in hub.links.values() for part in (link.side.base_remote, link.side.seen)),
        *(change.detail for change in changes),
    ]
    emails, phones = values_of(parts, EMAIL), values_of(parts, PHONE)
    records: dict[tuple[str, str], ErasedRecord] = {}

    def add(system: str, remote_id: str | None) -> None:
        if remote_id:
            records.setdefault((system, remote_id), ErasedRecord(system, LEAD, remote_id))

    for hub in hubs:
        for link in hub.links.values():
            add(link.system, link.remote_id)
        for sent in history.sent(hub.id):
            add(sent.write.system, sent.write.remote_id)
    for change in changes:
        if change.kind in ("linked", "unlinked"):
            add(change.system, change.detail.get("was"))
    for review in store.reviews("match", "duplicate", "bad_value"):
        told = review.detail.get("record", {})
        if review.record_kind == LEAD and review.system and told.get(EMAIL) in emails:
            add(review.system, review.remote_id)
    others: list[str] = []
    for system, connector in connectors.items():
        mapper = rules.mappers.get(system)
        if mapper is None:
            continue
        found = await _look(connector.of(LEAD), mapper, ids, emails)
        known = store.known(system, found)
        for remote_id in found:
            if remote_id in known and known[remote_id].hub_id not in ids:
                others.append(known[remote_id].hub_id)
            else:
                add(system, remote_id)
    for system, remote_id in list(records):  # a record that has become another lead's is not this person's
        holder = store.known(system, [remote_id]).get(remote_id)
        if holder is not None and holder.hub_id not in ids:
            others.append(holder.hub_id)
            del records[system, remote_id]
    names = {" ".join(str(shown_fields(hub).get(n) or "") for n in ("first_name", "last_name")).strip() for hub in hubs}
    person = Person(
        ids, emails, phones, {n for n in names if " " in n}, list(records.values()), {}, sorted(set(others))
    )
    person.rows = store.held(ids, person.keys(), person.marks)
    return person


async def _look(connector: Connector, mapper: Mapper, hubs: Sequence[str], emails: set[str]) -> list[str]:
    """The live records in a system that have the person's address, or our id of them."""
    keys = [Key(mapper.id_field, hub_id) for hub_id in hubs] if mapper.id_field else []
    if EMAIL in mapper.maps:
        keys += [Key(mapper.maps[EMAIL].remote, email) for email in sorted(emails)]
    size = connector.can.find_batch
    parts = [keys[start : start + size] for start in range(0, len(keys), size)]
    answers = [found for part in parts for found in await connector.find(part, mapper.remote_fields)]
    return list(dict.fromkeys(record.id for found in answers for record in found))


def begin(store: Store, person: Person, key: str, by: str, at: datetime) -> Erasure:
    """Commit the intent. From here on nobody of these addresses, numbers or records is taken in."""
    forgotten = Forgotten(key, store.forgotten()).checked()
    hashes = {forgotten.sign("key", "")}
    for what, values in ((EMAIL, person.emails), (PHONE, person.phones)):
        hashes |= {h for value in values if (h := forgotten.of_value(what, value))}
    hashes |= {forgotten.of_record(place(r.system, LEAD), r.id) for r in person.records}
    erasure = Erasure(new_id(), "begun", at, by, person.hubs, person.records)
    store.begin_erasure(erasure, hashes)
    store.commit()
    return erasure


def erase_ours(store: Store, erasure: Erasure, person: Person) -> None:
    """Our own rows, in one commit. The files are rewritten by `state.database.scrub` once the store is closed."""
    _name_nowhere(store, frozenset(person.hubs))
    erasure.gone = store.erase_person(person.hubs, person.keys(), person.marks) or {"hub": 0}
    store.save_erasure(erasure)
    store.commit()


def _name_nowhere(store: Store, gone: frozenset[str]) -> None:
    """Whoever refers to the person does so no longer: with the row of the reference alone, its field would name nobody for
    good where every system has been brought in line already."""
    named = {i for hub_id in gone for i in store.referring(hub_id)} - gone
    hubs = list(store.hubs(named).values())
    links = [link for hub in hubs for link in hub.links.values()]
    for hub in hubs:
        hub.fields = _without(hub.fields, gone)
    for link in links:
        side = link.side
        side.base_remote, side.base_hub = _without(side.base_remote, gone), _without(side.base_hub, gone)
        side.seen = _without(side.seen, gone)
    store.update_hubs(hubs)
    store.update_links(links)


def _without(fields: Fields, gone: frozenset[str]) -> Fields:
    """A reference to one alone goes with its field: as on first sight, nothing has been told of it yet."""
    lists = {name: [i for i in value if i not in gone] for name, value in fields.items() if isinstance(value, list)}
    others = {name: value for name, value in fields.items() if name not in lists and value not in gone}
    return {**others, **lists}


async def carry_out(
    rules: Rules,
    connectors: Mapping[str, Connector],
    store: Store,
    erasure: Erasure,
    clock: Clock,
    words: Sequence[str] = (),
) -> None:
    """Erase what still waits, system by system. `words`: what to take out of a vendor's message before it is kept; with
    none, no message is kept. A system that cannot be reached keeps waiting."""
    for system in sorted({record.system for record in erasure.waiting}):
        some = [record for record in erasure.waiting if record.system == system]
        if system not in connectors:
            for record in some:
                _note(record, "by hand", clock, f"{system} is not connected any more: delete the record there.")
        else:
            try:
                await _erase(connectors[system].of(LEAD), rules.mappers.get(system), some, clock, words)
            except ConnectorError as error:
                for record in some:
                    record.note = f"{error.code}: not reached yet"
        store.save_erasure(erasure)
        store.commit()
    if not erasure.waiting and erasure.gone:
        erasure.state, erasure.ended_at = "done", clock()
        store.save_erasure(erasure)
        store.commit()


async def _erase(
    connector: Connector, mapper: Mapper | None, records: Sequence[ErasedRecord], clock: Clock, words: Sequence[str]
) -> None:
    ids = [record.id for record in records]
    if connector.can.erase:
        done, results = "erased", await connector.erase(ids)
    elif connector.can.update and mapper is not None:
        done, results = "blanked", await _blank(connector, mapper, ids)
    else:
        for record in records:
            _note(record, "by hand", clock, "This system lets us change nothing: delete the record there.")
        return
    for record, result in zip(records, results, strict=True):
        if result.outcome == "done":
            _note(
                record, done, clock, "" if done == "erased" else "Its mapped fields are blank; delete the rest there."
            )
        elif result.outcome == "rejected":
            _note(record, "by hand", clock, _told(result, words))


async def _blank(connector: Connector, mapper: Mapper, ids: Sequence[str]) -> list[WriteResult]:
    """Overwrite what we know of a record, where the system cannot erase."""
    mapped = {m.remote for m in mapper.maps.values()}
    fields = {
        f.name: REQUIRED if f.required else None
        for f in await connector.schema()
        if f.name in mapped and f.writable and not (f.required and f.type not in ("string", "text")) and not f.refers
    }
    results: list[WriteResult] = []
    size = connector.can.write_batch
    for start in range(0, len(ids), size):
        part = ids[start : start + size]
        results += await connector.write([Write(str(n), "update", fields, i) for n, i in enumerate(part)])
    return results


def _told(result: WriteResult, words: Sequence[str]) -> str:
    """Why a record was not erased, without the person."""
    error = result.error
    if error is None:
        return "The system gave no reason: delete the record there."
    said = f"{error.code}: "
    if words:
        message = error.message
        for word in sorted(words, key=len, reverse=True):
            message = message.replace(word, "…")
        said += message + " "
    return (said + (error.hint or "Delete the record there.")).strip()


def _note(record: ErasedRecord, outcome: str, clock: Clock, note: str) -> None:
    record.outcome, record.at, record.note = outcome, clock().isoformat(), note
