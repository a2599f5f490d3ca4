"""One Salesforce org: its objects, its records and the rules by which they are written. No HTTP here.

Every write goes through `create`, `update` or `delete`; each either does all of its record or raises `Refused` and
does nothing. What a person does in Salesforce's own pages (convert, merge) is in `people_work`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, NamedTuple

from sandbox.clock import Clock
from sandbox.salesforce import behaviour, ids, rules
from sandbox.salesforce.errors import Problem, Refused, entity_is_deleted, no_such_column, no_such_resource
from sandbox.salesforce.objects import SOBJECTS
from sandbox.salesforce.schema import CURRENCY, SMARKETING, Field
from sandbox.salesforce.switches import Switches
from sandbox.salesforce.table import Row, Table
from sandbox.salesforce.values import BadValue, Value, from_csv, from_json, stamp

RECYCLE_BIN = timedelta(days=15)
"""How long a deleted record can still be seen by queryAll and getDeleted."""


class Draft(NamedTuple):
    """A record as a client sent it, read against the schema: values that can be stored, and what is wrong."""

    values: dict[str, Value]
    problems: list[Problem]


class Org:
    """`custom_fields`: whether smarketing's fields are there from the start. `lock` guards everything in here."""

    def __init__(self, clock: Clock | None = None, *, custom_fields: bool = True, name: str = "Acme") -> None:
        self.clock = clock or Clock()
        self.switches = Switches()
        self.lock = threading.RLock()
        self.tables = {n: Table(o) for n, o in SOBJECTS.items()}
        self.names = {n.lower(): t for n, t in self.tables.items()}
        self._count = 0
        self._undo: list[tuple[Table, str, Row | None]] | None = None
        self.user_id = ids.make_id("005", 1)
        profile = ids.make_id("00e", 1)
        person = {"FirstName": "Integration", "LastName": "User", "Email": "integration@acme.example"}
        self.user_id = self._seed(
            "User", **person, Username="integration@acme.example.sandbox", IsActive=True,
            TimeZoneSidKey="Europe/Paris", ProfileId=profile, UserType="Standard",
        )  # fmt: skip
        self.id = self._seed(
            "Organization", Name=name, OrganizationType="Developer Edition", InstanceName="SBX1", IsSandbox=True
        )
        shown = self._seed(
            "PermissionSet", Name="X" + profile, Label="X" + profile, ProfileId=profile, IsOwnedByProfile=True
        )
        self._seed("PermissionSetAssignment", AssigneeId=self.user_id, PermissionSetId=shown)
        if custom_fields:
            for table in (self.tables["Lead"], self.tables["Contact"]):
                for one in SMARKETING:
                    self.add_field(table, one)
            for number, name in enumerate(("Account", "Opportunity")):
                # Numbers of their own: no record that is made later has another id because of them.
                self.add_field(self.tables[name], SMARKETING[0], ids.make_id("00N", 62**4 + number))

    def use_currencies(self) -> None:
        """From now on this org has several."""
        for name in ("Account", "Opportunity"):
            self.add_field(self.tables[name], CURRENCY)

    def seen(self, name: str) -> Table | None:
        """The object of this name, where there is one that the integration user may see."""
        found = self.names.get(name.lower())
        return found if found is not None and found.name not in self.switches.hidden else None

    def table(self, name: str) -> Table:
        """Raises Refused (404) for an object that this org does not have."""
        found = self.seen(name)
        if found is None:
            raise no_such_resource()
        return found

    def table_of(self, record_id: str) -> Table | None:
        """By the id's first three characters."""
        return next((t for t in self.tables.values() if t.sobject.prefix == record_id[:3]), None)

    # --- reading what clients send

    def read(self, table: Table, record: Mapping[str, Any]) -> Draft:
        """A record as JSON. Raises Refused for what costs the whole request: unknown fields, JSON of a wrong type."""
        draft = Draft({}, [])
        for name, value in record.items():
            if name == "attributes":
                continue
            known = table.fields.get(name)
            if known is None or known.hidden:
                known = table.visible.get(name.lower())
                if known is None:
                    raise no_such_column(name, table.name)
            try:
                draft.values[known.name] = from_json(known, value)
            except BadValue as error:
                draft.problems.append(error.problem)
        return draft

    def read_row(self, columns: list[Field], cells: list[str]) -> Draft:
        """A row of a Bulk API file: an empty cell says nothing, #N/A clears."""
        draft = Draft({}, [])
        for known, cell in zip(columns, cells, strict=False):
            if cell == "#N/A":
                draft.values[known.name] = None
            elif cell != "":
                try:
                    draft.values[known.name] = from_csv(known, cell)
                except BadValue as error:
                    draft.problems.append(error.problem)
        return draft

    # --- writing

    def create(self, table: Table, draft: Draft, *, allow_duplicates: bool = False) -> str:
        """The new record's id. Raises Refused."""
        values = {k: v for k, v in draft.values.items() if v is not None}
        problems = [*draft.problems, *rules.unwritable(values.keys() & table.locked_on_create)]
        if not problems:
            problems += rules.missing(tuple(name for name in table.required if name not in values))
        problems += rules.taken(table, values, "")
        problems += [*rules.dangling(self, table, values), *rules.inactive_owner(self, values, {})]
        if problems:
            raise Refused(problems)
        if self.switches.duplicate_rule and not allow_duplicates and table.name in ("Lead", "Contact"):
            rules.check_duplicates(self, table, values)
        behaviour.check_new(self, table, values)
        rules.check_locks(self, [str(values[n]) for n in ("AccountId",) if n in values])
        for name, default in table.defaults.items():
            values.setdefault(name, self.user_id if default == "<me>" else default)
        values |= {k: v for k, v in behaviour.implied(self, table, None, values).items() if v is not None}
        now = self.now()
        row: Row = {
            "Id": self.new_id(table.sobject.prefix), **values, "IsDeleted": False,
            "CreatedDate": now, "CreatedById": self.user_id,
            "LastModifiedDate": now, "LastModifiedById": self.user_id, "SystemModstamp": now,
        }  # fmt: skip
        self.put(table, row)
        behaviour.after_create(self, table, row)
        if table.name == "FieldPermissions":
            self._show_field(row)
        return str(row["Id"])

    def update(self, table: Table, record_id: object, draft: Draft) -> str:
        """Raises Refused."""
        row = self.live_row(table, record_id)
        if row.get("IsConverted"):
            raise Refused(Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ()))
        values = draft.values
        problems = [*draft.problems, *rules.unwritable(values.keys() & table.locked_on_update)]
        problems += rules.missing(tuple(n for n in table.required if n in values and values[n] is None))
        problems += rules.taken(table, values, row["Id"])
        problems += [*rules.dangling(self, table, values), *rules.inactive_owner(self, values, row)]
        if problems:
            raise Refused(problems)
        rules.check_locks(self, [row["Id"]])
        new = self.write(table, row, values | behaviour.implied(self, table, row, values))
        behaviour.after_write(self, table, new)
        return str(row["Id"])

    def delete(self, table: Table, record_id: object) -> str:
        """Into the recycle bin, for fifteen days, with what belongs to it. A contact role goes for good. Raises
        Refused."""
        row = self.live_row(table, record_id)
        rules.check_locks(self, [row["Id"]])
        behaviour.check_delete(self, table, row)
        if table.name == "OpportunityContactRole":
            self.vanish(table, row)
        else:
            self._bin(table, row, {})
        return str(row["Id"])

    def _bin(self, table: Table, row: Row, along: Row) -> None:
        for theirs, child in behaviour.children(self, table, row["Id"]):
            self._bin(theirs, child, along or {behaviour.WITH: row["Id"]})
        self.write(table, row, {"IsDeleted": True, **along})

    def hard_delete(self, table: Table, record_id: object) -> str:
        """For good, out of the recycle bin too, with what belongs to it. Raises Refused."""
        row = table.get(record_id)
        if row is None or not row["IsDeleted"]:
            row = table.rows[self.delete(table, record_id)]
        for theirs in self.tables.values():
            for child in [r for r in theirs.rows.values() if r.get(behaviour.WITH) == row["Id"]]:
                self.vanish(theirs, child)
        self.vanish(table, row)
        return str(row["Id"])

    def vanish(self, table: Table, row: Row) -> None:
        if self._undo is not None:
            self._undo.append((table, row["Id"], row))
        table.vanish(row["Id"], self.now())

    def undelete(self, table: Table, record_id: str) -> None:
        """Out of the recycle bin, with what went there along with it. Raises Refused."""
        row = table.get(record_id)
        if row is None or not row["IsDeleted"]:
            raise Refused(Problem("UNDELETE_FAILED", "Entity is not in the recycle bin", ()))
        self.write(table, row, {"IsDeleted": False, "MasterRecordId": None, behaviour.WITH: None})
        for theirs in self.tables.values():
            for child in [r for r in theirs.rows.values() if r.get(behaviour.WITH) == row["Id"]]:
                self.write(theirs, child, {"IsDeleted": False, behaviour.WITH: None})

    def matches(self, table: Table, key: Field, value: object) -> list[Row]:
        """The live records that an upsert by this field would meet."""
        return [row for row in table.find(key.name, value) if not row["IsDeleted"]]

    def write(self, table: Table, row: Row, values: Mapping[str, Value]) -> Row:
        """Put a changed row, with the time of the change on it. Checks nothing."""
        now = self.now()
        new = {**row, **values, "LastModifiedDate": now, "LastModifiedById": self.user_id, "SystemModstamp": now}
        for name, value in values.items():
            if value is None:
                del new[name]
        self.put(table, new)
        return new

    def put(self, table: Table, row: Row) -> None:
        old = table.rows.get(row["Id"])
        if self._undo is not None:
            self._undo.append((table, row["Id"], old))
        behaviour.derive(table, row)
        table.put(row)
        if self.switches.late_visibility:
            table.veil(row["Id"], old, self.clock.elapsed() + self.switches.late_visibility)

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Whatever was written in here is undone if the block raises."""
        self._undo = []
        try:
            yield
        except BaseException:
            for table, row_id, old in reversed(self._undo):
                table.remove(row_id)
                if old is not None:
                    table.put(old)
            raise
        finally:
            self._undo = None

    def live_row(self, table: Table, record_id: object) -> Row:
        row = table.get(record_id)
        if row is None:
            raise Refused(Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ()), 404)
        if row["IsDeleted"]:
            raise entity_is_deleted()
        return row

    # --- the org itself

    def now(self) -> str:
        return stamp(self.clock.now())

    def new_id(self, prefix: str) -> str:
        self._count += 1
        return ids.make_id(prefix, self._count)

    def settle(self) -> None:
        """What happens by itself as time goes by: late writes come to light, the recycle bin is emptied."""
        before = stamp(self.clock.now() - RECYCLE_BIN)
        for table in self.tables.values():
            table.lift_veils(self.clock.elapsed())
            table.empty_bin(before)

    def add_field(self, table: Table, one: Field, id_: str = "") -> Field:
        """A new custom field. Raises Refused if there is one of that name."""
        if one.name.lower() in (name.lower() for name in table.fields):
            words = f"There is already a field named {one.name.removesuffix('__c')} on {table.name}."
            raise Refused(Problem("DUPLICATE_DEVELOPER_NAME", words, ()))
        one = replace(one, id=id_ or self.new_id("00N"))
        table.set_field(one)
        if one.default is not None:
            for row_id, row in table.rows.items():
                table.rows[row_id] = {**row, one.name: one.default}
        return one

    def _show_field(self, grant: Row) -> None:
        """A permission set of the integration user shows a field: from now on the API has it."""
        mine = [
            r["PermissionSetId"]
            for r in self.tables["PermissionSetAssignment"].live()
            if r["AssigneeId"] == self.user_id
        ]
        sobject, _, name = grant["Field"].partition(".")
        table = self.names.get(sobject.lower())
        if grant["ParentId"] in mine and grant["PermissionsRead"] and table and name in table.fields:
            table.set_field(
                replace(
                    table.fields[name],
                    hidden=False,
                    updateable=grant["PermissionsEdit"],
                    createable=grant["PermissionsEdit"],
                )
            )

    def _seed(self, name: str, **values: Any) -> str:
        table, now = self.tables[name], self.now()
        row = {f.name: f.default for f in table.fields.values() if f.type == "boolean"} | values
        by = {"CreatedById": self.user_id, "LastModifiedById": self.user_id}
        row |= {
            "Id": self.new_id(table.sobject.prefix),
            "CreatedDate": now,
            "LastModifiedDate": now,
            "SystemModstamp": now,
            **by,
        }
        self.put(table, row)
        return str(row["Id"])

    # --- to and from a file

    def dump(self) -> dict[str, Any]:
        """Everything but sessions, query cursors and bulk jobs, as JSON."""
        with self.lock:
            return {
                "count": self._count,
                "user_id": self.user_id,
                "org_id": self.id,
                "switches": self.switches.to_json(),
                "fields": {
                    n: [{f.name: getattr(one, f.name) for f in fields(one)} for one in t.fields.values() if one.custom]
                    for n, t in self.tables.items()
                },
                "rows": {n: list(t.rows.values()) for n, t in self.tables.items()},
                "vanished": {n: t.vanished for n, t in self.tables.items()},
            }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Puts what was dumped in the place of what is there."""
        with self.lock:
            self._count, self.user_id, self.id = data["count"], data["user_id"], data["org_id"]
            self.switches.set(data["switches"])
            for name, old in self.tables.items():
                fresh = self.tables[name] = self.names[name.lower()] = Table(old.sobject)
                for one in data["fields"].get(name, ()):
                    fresh.set_field(Field(**{**one, "values": tuple(one["values"])}))
                for row in data["rows"].get(name, ()):
                    fresh.put(dict(row))
                fresh.bin |= data.get("vanished", {}).get(name, {})
