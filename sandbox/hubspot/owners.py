"""The users of a portal, as the owners API tells of them. One who has left is listed apart, as archived.

https://developers.hubspot.com/docs/api-reference/crm-owners-v3/guide
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.hubspot.errors import Refused, invalid, invalid_values, value_problem
from sandbox.hubspot.properties import iso

LIMIT = 500


@dataclass(slots=True)
class Owner:
    id: int
    email: str
    first_name: str
    last_name: str
    user_id: int
    archived: bool
    created: int

    def render(self) -> dict[str, Any]:
        """Who has left has no `userId` any more, only the one that tells also of those."""
        shown: dict[str, Any] = {
            "id": str(self.id),
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userIdIncludingInactive": self.user_id,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.created),
            "archived": self.archived,
        }
        return shown if self.archived else {**shown, "userId": self.user_id}


class Owners:
    def __init__(self) -> None:
        self.all: dict[int, Owner] = {}

    def add(self, email: str, first_name: str, last_name: str, *, created: int, archived: bool = False) -> Owner:
        id_ = 41_629_000 + 77 * (len(self.all) + 1)
        owner = Owner(id_, email, first_name, last_name, 9_586_000 + len(self.all), archived, created)
        self.all[id_] = owner
        return owner

    def page(self, after: int, limit: int, *, archived: bool, email: str | None) -> dict[str, Any]:
        if not 1 <= limit <= LIMIT:
            raise invalid(f"The limit must be between 1 and {LIMIT}; got {limit}")
        listed = [o for o in self.all.values() if o.archived == archived and email in (None, "", o.email)]
        there = [owner for owner in listed if owner.id > after]
        body: dict[str, Any] = {"results": [owner.render() for owner in there[:limit]]}
        if len(there) > limit:
            body["paging"] = {"next": {"after": str(there[limit - 1].id)}}
        return body

    def get(self, key: str, id_property: str | None, *, archived: bool) -> Owner:
        for owner in self.all.values():
            if key == str(owner.user_id if id_property == "userId" else owner.id) and owner.archived == archived:
                return owner
        raise Refused(404, "OBJECT_NOT_FOUND", f"Owner {key} does not exist")

    def check(self, values: Mapping[str, str]) -> None:
        """Raises Refused where a record is given to somebody who is nobody here."""
        key = values.get("hubspot_owner_id")
        if key and not (key.isdecimal() and int(key) in self.all):
            text = f"Owner with id {key} does not exist"
            raise invalid_values([value_problem("hubspot_owner_id", "INVALID_OWNER_ID", text)])
