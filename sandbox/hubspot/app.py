"""The routes: HTTP in, the portal's verbs, HTTP out. No rule of HubSpot's is decided here.

The same API answers under /crm/v3/... and under the date-versioned paths (/crm/objects/2026-03/..., /crm/properties/
2026-03/...), contacts also as `contact` and `0-1`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sandbox.gate import Answer, App, Receive, Scope, Send, read_body, reply
from sandbox.hubspot import batches
from sandbox.hubspot.call import Call, an_object, answer, header, whole
from sandbox.hubspot.contacts import render
from sandbox.hubspot.errors import Refused, invalid

if TYPE_CHECKING:
    from sandbox.hubspot.server import HubSpot

READ, WRITE = "crm.objects.contacts.read", "crm.objects.contacts.write"
READ_SCHEMA, WRITE_SCHEMA = "crm.schemas.contacts.read", "crm.schemas.contacts.write"
PREFERENCES = "communication_preferences.read_write"
NO_CONTENT = Answer(204, b"")
PAGE_LIMIT = 100


Handler = Callable[[Call], Answer]


# Contacts


def list_contacts(call: Call) -> Answer:
    limit, after = whole(call.one("limit"), 10), whole(call.one("after"), 0)
    if not 1 <= limit <= PAGE_LIMIT:
        raise invalid(f"The limit must be between 1 and {PAGE_LIMIT}; got {limit}")
    contacts, archived = call.portal.contacts, call.flag("archived")
    page, last = contacts.page(after, limit, archived=archived, shift=call.shift)
    wanted = call.many("properties") or batches.DEFAULT_PROPERTIES
    body: dict[str, Any] = {"results": [render(contact, wanted) for contact in page]}
    if last is not None:
        link = f"https://api.hubapi.com{call.scope['path']}?limit={limit}&after={last}"
        body["paging"] = {"next": {"after": str(last), "link": link}}
    return answer(body)


def get_contact(call: Call) -> Answer:
    archived = call.flag("archived")
    contact = call.portal.contacts.get(call.path["id"], call.one("idProperty"), archived=archived)
    return answer(render(contact, call.many("properties") or batches.DEFAULT_PROPERTIES))


def create_contact(call: Call) -> Answer:
    given = an_object(call.body, "properties")
    return answer(render(call.portal.contacts.create(given), given), 201)


def update_contact(call: Call) -> Answer:
    contacts, given = call.portal.contacts, an_object(call.body, "properties")
    contact = contacts.update(contacts.get(call.path["id"], call.one("idProperty")), given)
    return answer(render(contact, given))


def archive_contact(call: Call) -> Answer:
    call.portal.contacts.archive(call.path["id"])
    return NO_CONTENT


def merge_contacts(call: Call) -> Answer:
    primary, other = (str(call.body.get(name, "")) for name in ("primaryObjectId", "objectIdToMerge"))
    contact = call.portal.contacts.merge(primary, other)
    return answer(render(contact, contact.values))


def erase_contact(call: Call) -> Answer:
    call.portal.contacts.erase(str(call.body.get("objectId", "")), call.body.get("idProperty"))
    return NO_CONTENT


def search_contacts(call: Call) -> Answer:
    return answer(call.portal.index.search(call.body, call.size, call.shift))


def read_batch(call: Call) -> Answer:
    outcome = batches.read(call.portal.contacts, call.body, archived=call.flag("archived"))
    return answer(outcome.body, outcome.status)


def write_batch(verb: Callable[..., batches.Outcome]) -> Handler:
    def write(call: Call) -> Answer:
        outcome = verb(call.portal.contacts, call.body)
        return answer(outcome.body, outcome.status)

    return write


def archive_batch(call: Call) -> Answer:
    batches.archive(call.portal.contacts, call.body)
    return NO_CONTENT


# Properties


def list_properties(call: Call) -> Answer:
    return answer({"results": [] if call.flag("archived") else list(call.portal.properties.all.values())})


def get_property(call: Call) -> Answer:
    return answer(call.portal.properties.get(call.path["name"]))


def create_property(call: Call) -> Answer:
    return answer(call.portal.properties.create(call.body), 201)


def update_property(call: Call) -> Answer:
    return answer(call.portal.properties.update(call.path["name"], call.body))


def archive_property(call: Call) -> Answer:
    call.portal.properties.archive(call.path["name"])
    return NO_CONTENT


def create_properties(call: Call) -> Answer:
    """207 where some exist already: the rest is created."""
    results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
    for wanted in call.body.get("inputs", []):
        try:
            results.append(call.portal.properties.create(wanted))
        except Refused as error:
            errors.append(error.entry({"name": [str(wanted.get("name"))]}))
    now = call.portal.stamp()
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return answer(body, 207 if errors else 201)


def list_groups(call: Call) -> Answer:
    return answer({"results": list(call.portal.properties.groups.values())})


def get_group(call: Call) -> Answer:
    groups = call.portal.properties.groups
    if call.path["name"] not in groups:
        raise Refused(404, "OBJECT_NOT_FOUND", f"Property group {call.path['name']} does not exist")
    return answer(groups[call.path["name"]])


def create_group(call: Call) -> Answer:
    return answer(call.portal.properties.create_group(call.body), 201)


# Consent, account, tokens


def unsubscribe(call: Call) -> Answer:
    """One address (in the path) or many (`inputs`) out of every mailing."""
    if call.one("channel") != "EMAIL":
        raise invalid("channel must be EMAIL")
    emails = [unquote(call.path["id"])] if "id" in call.path else call.body.get("inputs", [])
    for email in emails:
        call.portal.contacts.opt_out(str(email))
    now = call.portal.stamp()
    results = [{"subscriberIdString": email, "statuses": list[str]()} for email in emails]
    return answer({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def account(call: Call) -> Answer:
    return answer(
        {
            "portalId": call.portal.settings.portal_id,
            "accountType": "STANDARD",
            "timeZone": "Europe/Paris",
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+01:00",
            "utcOffsetMilliseconds": 3_600_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "eu1",
        }
    )


def usage(call: Call) -> Answer:
    daily = call.portal.limits["DAILY"]
    spent = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": daily.window.calls,
        "currentUsage": daily.used(),
        "collectedAt": call.portal.stamp(),
        "fetchStatus": "SUCCESS",
        "resetsAt": None,
    }
    return answer({"results": [spent]})


def token(call: Call) -> Answer:
    return answer(call.portal.tokens.refresh(call.body))


def access_token(call: Call) -> Answer:
    return answer(call.portal.tokens.describe(call.path["id"]))


Route = tuple[str, re.Pattern[str], Handler, str | None]


def _routes() -> list[Route]:
    contacts, one = "/crm/v3/objects/contacts", r"/(?P<id>[^/]+)"
    properties, named = "/crm/v3/properties/contacts", r"/(?P<name>[^/]+)"
    statuses = "/communication-preferences/v4/statuses"
    table: list[tuple[str, str, Handler, str | None]] = [
        ("POST", f"{contacts}/search", search_contacts, READ),
        ("POST", f"{contacts}/batch/read", read_batch, READ),
        ("POST", f"{contacts}/batch/create", write_batch(batches.create), WRITE),
        ("POST", f"{contacts}/batch/update", write_batch(batches.update), WRITE),
        ("POST", f"{contacts}/batch/upsert", write_batch(batches.upsert), WRITE),
        ("POST", f"{contacts}/batch/archive", archive_batch, WRITE),
        ("POST", f"{contacts}/merge", merge_contacts, WRITE),
        ("POST", f"{contacts}/gdpr-delete", erase_contact, WRITE),
        ("GET", contacts, list_contacts, READ),
        ("POST", contacts, create_contact, WRITE),
        ("GET", contacts + one, get_contact, READ),
        ("PATCH", contacts + one, update_contact, WRITE),
        ("DELETE", contacts + one, archive_contact, WRITE),
        ("POST", f"{properties}/batch/create", create_properties, WRITE_SCHEMA),
        ("GET", f"{properties}/groups", list_groups, READ_SCHEMA),
        ("POST", f"{properties}/groups", create_group, WRITE_SCHEMA),
        ("GET", f"{properties}/groups{named}", get_group, READ_SCHEMA),
        ("GET", properties, list_properties, READ_SCHEMA),
        ("POST", properties, create_property, WRITE_SCHEMA),
        ("GET", properties + named, get_property, READ_SCHEMA),
        ("PATCH", properties + named, update_property, WRITE_SCHEMA),
        ("DELETE", properties + named, archive_property, WRITE_SCHEMA),
        ("POST", f"{statuses}/batch/unsubscribe-all", unsubscribe, PREFERENCES),
        ("POST", f"{statuses}{one}/unsubscribe-all", unsubscribe, PREFERENCES),
        ("GET", "/account-info/v3/details", account, "oauth"),
        ("GET", "/account-info/v3/api-usage/daily/private-apps", usage, "oauth"),
        ("POST", "/oauth/v1/token", token, None),
        ("GET", f"/oauth/v1/access-tokens{one}", access_token, None),
    ]
    return [(method, re.compile(pattern), handler, scope) for method, pattern, handler, scope in table]


ROUTES = _routes()
_VERSIONED = (
    (re.compile(r"/(crm)/(objects|properties)/\d{4}-\d{2}/"), r"/\1/v3/\2/"),
    (re.compile(r"/(communication-preferences)/\d{4}-\d{2}/"), r"/\1/v4/"),
    (re.compile(r"/(account-info|oauth)/(?:v3|\d{4}-\d{2})/(?=token|details|api-usage)"), r"/\1/{}/"),
    (re.compile(r"/crm/v3/(objects|properties)/(?:contact|0-1)(?=/|$)"), r"/crm/v3/\1/contacts"),
)


def _canonical(path: str) -> str:
    for pattern, plain in _VERSIONED:
        path = pattern.sub(plain.format("v1" if path.startswith("/oauth") else "v3"), path)
    return path


def _route(portal: HubSpot, scope: Scope, raw: bytes) -> Answer:
    path = _canonical(scope["path"])
    for method, pattern, handler, needed in ROUTES:
        if method == scope["method"] and (match := pattern.fullmatch(path)):
            if needed is not None:
                portal.tokens.check(header(scope, b"authorization"), needed)
            return handler(Call(portal, scope, match.groupdict(), raw))
    portal.tokens.check(header(scope, b"authorization"), None)
    if any(pattern.fullmatch(path) for _, pattern, _, _ in ROUTES):
        raise Refused(405, "VALIDATION_ERROR", "Method Not Allowed")
    kind = re.match(r"/crm/v3/(?:objects|properties)/([^/]+)", path)
    if kind and kind[1] != "contacts":
        raise invalid(f"Unable to infer object type from: {kind[1]}")
    raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")


def make_app(portal: HubSpot) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raw = await read_body(receive)
        try:
            with portal.contacts.lock:
                result = _route(portal, scope, raw)
        except Refused as refused:
            result = refused.answer()
        await reply(send, result)

    return app
