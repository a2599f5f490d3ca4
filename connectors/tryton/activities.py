"""What has happened, as far as Tryton keeps it. Read only, in three streams with a position each:

    note    notes on an opportunity or a party (`ir.note`)
    email   e-mails sent from Tryton about one of them (`ir.email`)
    sale    sales that were confirmed (`sale.sale`), with their total

Tryton has no calls, meetings or tasks, and of a change of state it keeps only that something changed. A stream that the
user may not read is left out, and `check` says so. A confirmed sale carries its day, not its time: midnight, UTC.

Whose it is: the party's lead (`subjects.py`), the opportunity while it is a deal, the company by `organisations.py`. Of a
party that is no lead the e-mail address is told. Each stream is read from the overlap before its last row on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import (
    ACTIVITY_FIELDS,
    Account,
    Capabilities,
    Cursor,
    FieldType,
    Key,
    Kind,
    Page,
    Record,
    RemoteField,
)
from connectors.errors import ProtocolChanged, Unauthorized
from connectors.tryton.api import BY_ID, LEAD, PARTY
from connectors.tryton.database import Database, Records
from connectors.tryton.finding import is_id
from connectors.tryton.owners import employees_of_users
from connectors.tryton.reading import past
from connectors.tryton.shape import CHANGED, DEAL_STATES
from connectors.tryton.subjects import leaders_of
from connectors.tryton.values import moment, out, timed

CREATED = "create_date"
TYPES: Mapping[str, FieldType] = {"at": "datetime", "value": "number", "subject": "text"}
REFERS: Mapping[str, Kind] = {"leads": "lead", "company": "company", "deal": "deal", "owner": "owner"}

Row = Mapping[str, Any]

ABOUT_ONE = ["OR", ["resource", "like", f"{LEAD},%"], ["resource", "like", f"{PARTY},%"]]


@dataclass(frozen=True, slots=True)
class Stream:
    model: str
    about: str
    """The field that names the opportunity or party."""
    when: str
    """The field by whose time it is read on."""
    domain: list[Any]
    fields: tuple[str, ...]


STREAMS: Mapping[str, Stream] = {
    "note": Stream("ir.note", "resource", CREATED, ABOUT_ONE, ("message", "create_uid")),
    "email": Stream("ir.email", "resource", CREATED, ABOUT_ONE, ("subject", "at", "create_uid")),
    "sale": Stream(
        "sale.sale",
        "origin",
        CHANGED,
        ["state", "in", ["confirmed", "processing", "done"]],
        ("party", "sale_date", "total_amount", "confirmed_by", "number", "description", "state"),
    ),
}


class Activities(Records):
    def __init__(self, database: Database) -> None:
        overlap = database.settings.overlap
        super().__init__(database, "activity", Capabilities(create=False, update=False, overlap=overlap))
        self._page = database.settings.page_size

    async def check(self) -> Account:
        """Which streams can be read. Raises Unauthorized, also where none can."""
        open_ = await self._open()
        if not open_:
            raise Unauthorized("Tryton's user may read neither notes nor e-mails nor sales.", hint="Add it to a group.")
        closed = [name for name in STREAMS if name not in open_]
        remark = f"reads {', '.join(open_)}" + (f"; may not read {', '.join(closed)}" if closed else "")
        return await self._database.account({LEAD: ("read",), PARTY: ("read",)}, remark)

    async def schema(self) -> list[RemoteField]:
        return [
            RemoteField(
                name,
                name.title(),
                "reference" if name in REFERS else TYPES.get(name, "string"),
                writable=False,
                refers=REFERS.get(name),
                many=name == "leads",
            )
            for name in ACTIVITY_FIELDS
        ]

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        """Stream by stream. No page claims to be complete: that an activity is missing proves nothing."""
        marks = marks_in(since)
        for name in await self._open():
            async with aclosing(self._stream(name, marks.get(name))) as pages:
                async for rows in pages:
                    marks[name] = moment(rows[-1][STREAMS[name].when]).isoformat()
                    yield Page(await self._records(name, rows, fields), {"streams": dict(marks)})
        yield Page([], {"streams": dict(marks)})

    def cursor_at(self, at: datetime) -> Cursor:
        return {"streams": {name: (at + self.can.overlap).isoformat() for name in STREAMS}}

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """By id."""
        found: dict[str, Record] = {}
        for name in await self._open():
            ids = {int(id_) for key in keys if key.field == "id" and (id_ := id_in(name, key.value))}
            if ids:
                domain = [["id", "in", sorted(ids)], STREAMS[name].domain]
                rows = await self._rpc.search_read(STREAMS[name].model, domain, asked(name), BY_ID)
                found.update((record.id, record) for record in await self._records(name, rows, fields))
        return [[found[key.value]] if key.field == "id" and key.value in found else [] for key in keys]

    async def _open(self) -> list[str]:
        """The streams that we may read."""
        access = await self._rpc.read("ir.model.access.get_access", [stream.model for stream in STREAMS.values()])
        return [name for name, stream in STREAMS.items() if access[stream.model].get("read")]

    async def _stream(self, name: str, since: str | None) -> AsyncGenerator[list[dict[str, Any]], None]:
        stream = STREAMS[name]
        start = timed(datetime.fromisoformat(since) - self.can.overlap) if since else None
        above: list[Any] = [stream.when, ">=", start] if start else []
        while True:
            domain = [part for part in (stream.domain, above) if part]
            order = [[stream.when, "ASC"], ["id", "ASC"]]
            rows = await self._rpc.search_read(stream.model, domain, asked(name), order, self._page)
            if rows:
                yield rows
            if len(rows) < self._page:
                return
            above = past(moment(rows[-1][stream.when]).isoformat(), rows[-1]["id"], stream.when)

    async def _records(self, name: str, rows: Sequence[Row], fields: Sequence[str]) -> list[Record]:
        stream = STREAMS[name]
        employees = await employees_of_users(self._rpc) if rows and "create_uid" in stream.fields else {}
        around = await self._around(name, rows)
        try:
            return [self._record(name, row, fields, around, employees) for row in rows]
        except (KeyError, TypeError, AttributeError):
            raise ProtocolChanged(f"Tryton sent a {name} that lacks what was asked for.") from None

    async def _around(self, name: str, rows: Sequence[Row]) -> Around:
        """Opportunities and parties that these rows are about, and the leads of the parties."""
        known = await self._database.organisations()
        about = [reference(row[STREAMS[name].about]) for row in rows]
        leads = await self._by_id(LEAD, (id_ for model, id_ in about if model == LEAD), ["state", "party"])
        parties = {id_ for model, id_ in about if model == PARTY} | {row["party"] for row in leads.values()}
        parties |= {row["party"] for row in rows if "party" in row}
        held = await self._by_id(PARTY, parties - {None}, ["email", *known.paths()])
        company = {id_: known.of(party) if known.known else None for id_, party in held.items()}
        email = {id_: out("char", party["email"]) for id_, party in held.items()}
        return Around(leads, await leaders_of(self._rpc, held), company, email)

    async def _by_id(self, model: str, ids: Iterable[int], fields: list[str]) -> dict[int, dict[str, Any]]:
        domain = [["id", "in", sorted(set(ids))]]
        found = await self._rpc.search_read(model, domain, fields, BY_ID, active_test=False) if domain[0][2] else []
        return {row["id"]: row for row in found}

    def _record(
        self, name: str, row: Row, fields: Sequence[str], around: Around, employees: Mapping[int, int]
    ) -> Record:
        model, id_ = reference(row[STREAMS[name].about])
        opportunity = around.opportunities.get(id_) if model == LEAD else None
        party = row.get("party") or (opportunity["party"] if opportunity else id_ if model == PARTY else None)
        lead = around.leads.get(party or 0, opportunity["id"] if opportunity else None)
        values = {
            "leads": [str(lead)] if lead is not None else [],
            "company": around.companies.get(party or 0),
            "deal": str(opportunity["id"]) if opportunity and opportunity["state"] in DEAL_STATES else None,
            "email": around.emails.get(party or 0) if lead is None else None,
            **(sale(row) if name == "sale" else said(name, row, employees)),
        }
        return Record(f"{name}:{row['id']}", {field: values.get(field) for field in fields}, moment(row[CHANGED]))


@dataclass(frozen=True, slots=True)
class Around:
    opportunities: Mapping[int, Row]
    leads: Mapping[int, int]
    """By party, as the two below."""
    companies: Mapping[int, str | None]
    emails: Mapping[int, str | None]


def said(name: str, row: Row, employees: Mapping[int, int]) -> dict[str, Any]:
    """A note or an e-mail."""
    owner = employees.get(row["create_uid"])
    common = {"at": moment(row[CREATED]).isoformat(), "owner": str(owner) if owner is not None else None}
    if name == "email":
        return {**common, "type": "email_sent", "subject": out("char", row["subject"]), "direction": "out"}
    return {**common, "type": "note", "subject": first_line(row["message"])}


def sale(row: Row) -> dict[str, Any]:
    day = out("date", row["sale_date"])
    owner = row["confirmed_by"]
    total = out("numeric", row["total_amount"])
    return {
        "type": "sale",
        "at": f"{day}T00:00:00+00:00" if day else moment(row[CHANGED]).isoformat(),
        "owner": str(owner) if owner is not None else None,
        "subject": out("char", row["description"]) or out("char", row["number"]),
        "status": row["state"],
        "value": float(total) if total is not None else None,
    }


def asked(name: str) -> list[str]:
    stream = STREAMS[name]
    return list(dict.fromkeys([CHANGED, stream.when, stream.about, *stream.fields]))


def reference(value: Any) -> tuple[str, int]:
    """ "sale.opportunity,12", as Tryton refers to a row of any table."""
    model, _, id_ = str(value or "").partition(",")
    return model, int(id_) if is_id(id_) else 0


def id_in(name: str, value: str) -> str | None:
    prefix, _, id_ = value.partition(":")
    return id_ if prefix == name and is_id(id_) else None


def first_line(text: str | None) -> str | None:
    return next((line.strip()[:250] for line in (text or "").splitlines() if line.strip()), None)


def marks_in(since: Cursor | None) -> dict[str, str]:
    """By stream, the time of its last row. A cursor that is not ours begins at the beginning."""
    held = (since or {}).get("streams")
    if not isinstance(held, dict):
        return {}
    return {name: at for name, at in held.items() if name in STREAMS and isinstance(at, str)}
