"""The checks a write must pass that need to look at other records: uniqueness, references, duplicates, locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.salesforce.errors import Problem, Refused
from sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

Values = Mapping[str, Any]


def unwritable(names: Iterable[str]) -> list[Problem]:
    wrong = tuple(sorted(names))
    if not wrong:
        return []
    message = (
        f"Unable to create/update fields: {', '.join(wrong)}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set."
    )
    return [Problem("INVALID_FIELD_FOR_INSERT_UPDATE", message, wrong)]


def missing(names: tuple[str, ...]) -> list[Problem]:
    if not names:
        return []
    return [Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", names)]


def taken(table: Table, values: Values, own_id: str) -> list[Problem]:
    """Values of unique fields that another live record has. Its id is told in the short form."""
    return [
        Problem(
            "DUPLICATE_VALUE",
            f"duplicate value found: {field.name} duplicates value on record with id: {other['Id'][:15]}",
            (),
        )
        for field in table.unique
        if values.get(field.name) is not None
        for other in table.find(field.name, values[field.name])
        if not other["IsDeleted"] and other["Id"] != own_id
    ]


def dangling(org: Org, table: Table, values: Values) -> list[Problem]:
    """References to records that are not there, or of the wrong kind."""
    problems: list[Problem] = []
    for field in table.references:
        value = values.get(field.name)
        if value is None:
            continue
        target = next((t for name in field.targets if value[:3] == (t := org.tables[name]).sobject.prefix), None)
        if target is None:
            problems.append(
                Problem("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,))
            )
        elif (row := target.get(value)) is None or row["IsDeleted"]:
            problems.append(Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,)))
    return problems


def inactive_owner(org: Org, values: Values, before: Values) -> list[Problem]:
    """A record cannot be given to a user who is inactive. What is theirs already stays, and may be edited.

    https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
    (INACTIVE_OWNER_OR_USER)
    """
    owner = values.get("OwnerId")
    user = org.tables["User"].get(owner) if owner and owner != before.get("OwnerId") else None
    if user is None or user.get("IsActive") is not False:
        return []
    message = f"operation performed with inactive user [{user['Id']}] as owner of record"
    return [Problem("INACTIVE_OWNER_OR_USER", message, ("OwnerId",))]


def check_duplicates(org: Org, table: Table, values: Values) -> None:
    """Salesforce's standard rules, reduced to their e-mail half. Raises Refused.

    The key under which the matches come is misspelt in the REST API itself.
    """
    email = values.get("Email")
    found = [
        (other, row["Id"])
        for other in (org.tables["Lead"], org.tables["Contact"])
        for row in (other.find("Email", email) if email else ())
        if not row["IsDeleted"]
    ]
    if not found:
        return
    words = "Use one of these records?"
    matches = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {
                "attributes": {"type": other.name, "url": f"/services/data/v62.0/sobjects/{other.name}/{row_id}"},
                "Id": row_id,
            },
        }
        for other, row_id in found
    ]
    told = {
        "allowSave": True,
        "duplicateRule": f"Standard_{table.name}_Duplicate_Rule",
        "duplicateRuleEntityType": table.name,
        "errorMessage": words,
        "matchResults": [
            {
                "entityType": found[0][0].name,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": matches,
                "rule": f"Standard_{table.name}_Match_Rule",
                "size": len(matches),
                "success": True,
            }
        ],
    }
    raise Refused(Problem("DUPLICATES_DETECTED", words, None, {"duplicateResut": told}))


def check_locks(org: Org, record_ids: Iterable[str]) -> None:
    """Raises Refused where somebody else holds one of these records."""
    held = [i for i in record_ids if i in org.switches.locked]
    if org.switches.lock_next > 0:
        org.switches.lock_next -= 1
    elif not held:
        return
    message = f"unable to obtain exclusive access to this record or 1 records: {', '.join(held or record_ids)}"
    raise Refused(Problem("UNABLE_TO_LOCK_ROW", message, ()))
