"""The routes: HTTP in, the portal's verbs, HTTP out. No rule of HubSpot's is decided here.

The same API answers under /crm/v3/... and under the date-versioned paths (/crm/objects/2026-03/..., /crm/properties/
2026-03/...); types of records also by their other names, contacts as `contact` and `0-1`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sandbox.gate import Answer, App, Receive, Scope, Send, read_body, reply
from sandbox.hubspot import associations_api as links_api
from sandbox.hubspot import batches, crm_api, marketing_api
from sandbox.hubspot import objects_api as api
from sandbox.hubspot.call import Call, answer, header
from sandbox.hubspot.errors import Refused, invalid
from sandbox.hubspot.object_types import ALL, BY_NAME, CONTACTS, DEALS, ObjectType
from sandbox.hubspot.objects_api import Handler

if TYPE_CHECKING:
    from sandbox.hubspot.server import HubSpot

PREFERENCES = "communication_preferences.read_write"
OWNERS, FORMS, CONTENT = "crm.objects.owners.read", "forms", "content"


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


def _object_routes(kind: ObjectType) -> list[tuple[str, str, Handler, str | None]]:
    objects, properties = f"/crm/v3/objects/(?P<type>{kind.name})", f"/crm/v3/properties/(?P<type>{kind.name})"
    one, named = r"/(?P<id>[^/]+)", r"/(?P<name>[^/]+)"
    return [
        ("POST", f"{objects}/search", api.search_records, kind.read),
        ("POST", f"{objects}/batch/read", api.read_batch, kind.read),
        ("POST", f"{objects}/batch/create", api.create_batch, kind.write),
        ("POST", f"{objects}/batch/update", api.write_batch(batches.update), kind.write),
        ("POST", f"{objects}/batch/upsert", api.write_batch(batches.upsert), kind.write),
        ("POST", f"{objects}/batch/archive", api.archive_batch, kind.write),
        ("POST", f"{objects}/merge", api.merge_records, kind.write),
        ("GET", objects, api.list_records, kind.read),
        ("POST", objects, api.create_record, kind.write),
        ("GET", objects + one, api.get_record, kind.read),
        ("PATCH", objects + one, api.update_record, kind.write),
        ("DELETE", objects + one, api.archive_record, kind.write),
        ("POST", f"{properties}/batch/create", api.create_properties, kind.schema_write),
        ("GET", f"{properties}/groups", api.list_groups, kind.schema_read),
        ("POST", f"{properties}/groups", api.create_group, kind.schema_write),
        ("GET", f"{properties}/groups{named}", api.get_group, kind.schema_read),
        ("GET", properties, api.list_properties, kind.schema_read),
        ("POST", properties, api.create_property, kind.schema_write),
        ("GET", properties + named, api.get_property, kind.schema_read),
        ("PATCH", properties + named, api.update_property, kind.schema_write),
        ("DELETE", properties + named, api.archive_property, kind.schema_write),
    ]


def _routes() -> list[Route]:
    one, contacts = r"/(?P<id>[^/]+)", "/crm/v3/objects/(?P<type>contacts)"
    statuses = "/communication-preferences/v4/statuses"
    links = r"/crm/v4/associations/(?P<from>[^/]+)/(?P<to>[^/]+)/batch"
    of_one = r"/crm/v4/objects/(?P<from>[^/]+)/(?P<id>[^/]+)/associations/(?P<to>[^/]+)"
    table: list[tuple[str, str, Handler, str | None]] = [
        ("POST", f"{contacts}/gdpr-delete", api.erase_record, CONTACTS.write),
        *(route for kind in ALL for route in _object_routes(kind)),
        ("POST", f"{links}/read", links_api.read, "oauth"),
        ("POST", f"{links}/create", links_api.create, "oauth"),
        ("POST", f"{links}/associate/default", links_api.create_default, "oauth"),
        ("POST", f"{links}/archive", links_api.archive, "oauth"),
        ("GET", of_one, links_api.page, "oauth"),
        ("GET", "/crm/v3/owners", crm_api.list_owners, OWNERS),
        ("GET", f"/crm/v3/owners{one}", crm_api.get_owner, OWNERS),
        ("GET", "/crm/v3/pipelines/deals", crm_api.list_pipelines, DEALS.schema_read),
        ("GET", f"/crm/v3/pipelines/deals{one}", crm_api.get_pipeline, DEALS.schema_read),
        ("GET", "/marketing/v3/forms", marketing_api.list_forms, FORMS),
        ("GET", f"/form-integrations/v1/submissions/forms{one}", marketing_api.submissions, FORMS),
        ("GET", "/email/public/v1/events", marketing_api.events, CONTENT),
        ("GET", f"/email/public/v1/campaigns{one}", marketing_api.campaign, CONTENT),
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
    (re.compile(r"/crm/(objects|properties|pipelines|owners)/\d{4}-\d{2}(?=/|$)"), r"/crm/v3/\1"),
    (re.compile(r"/crm/associations/\d{4}-\d{2}/"), r"/crm/v4/associations/"),
    (re.compile(r"/communication-preferences/\d{4}-\d{2}/"), r"/communication-preferences/v4/"),
    (re.compile(r"/account-info/\d{4}-\d{2}/(?=details|api-usage)"), r"/account-info/v3/"),
    (re.compile(r"/oauth/(?:v3|\d{4}-\d{2})/(?=token)"), r"/oauth/v1/"),
)
_TYPED = re.compile(r"(?<=^/crm/v3/)(objects|properties|pipelines)/([^/]+)")


def _canonical(path: str) -> str:
    for pattern, plain in _VERSIONED:
        path = pattern.sub(plain, path)
    path = _TYPED.sub(lambda m: f"{m[1]}/{BY_NAME[m[2]].name}" if m[2] in BY_NAME else m[0], path)
    return path.rstrip("/")


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
    if kind and kind[1] not in BY_NAME:
        raise invalid(f"Unable to infer object type from: {kind[1]}")
    raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")


def make_app(portal: HubSpot) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raw = await read_body(receive)
        try:
            with portal.lock:
                result = _route(portal, scope, raw)
        except Refused as refused:
            result = refused.answer()
        await reply(send, result)

    return app
