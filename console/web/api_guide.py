"""What the API is, for programs (OpenAPI) and for people (/api).

Both are made from the routes themselves, so that neither can tell of anything that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi.routing import APIRoute

from console.web import api
from console.web.page import ROLES, Viewer, ViewerProgram, address

router = APIRouter()
ABOUT = (
    "What smarketing knows, for programs. Say who you are with `Authorization: Bearer TOKEN`; tokens are made in the console "
    'under your account. An error is `{"error": {"code", "message", "hint"}}`. Lists have `items` and `next`: give it '
    "as `after` for the next page; null on the last. Times are ISO 8601 in UTC."
)


@router.get("/api/v1/openapi.json", include_in_schema=False)
def openapi(page: ViewerProgram) -> Response:
    return api.told({**described(), "servers": [{"url": address(page)}]})


@router.get("/api", include_in_schema=False)
def guide(page: Viewer) -> Response:
    return page.show("api.html", calls=list(_calls(described())), url=address(page))


@lru_cache
def described() -> dict[str, Any]:
    """The OpenAPI document, without the address of the server."""
    routes = [route for route in api.router.routes if isinstance(route, APIRoute)]
    document = get_openapi(title="smarketing", version=_version(), summary=None, description=ABOUT, routes=routes)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    roles = {(route.path, method.lower()): role_of(route) for route in routes for method in route.methods or ()}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["x-role"] = roles[path, method]
    return document


def role_of(route: APIRoute) -> str:
    """Who may call it, at least."""
    [role] = [ROLES[one.call] for one in route.dependant.dependencies if one.call in ROLES]
    return role


def _calls(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every call as the page shows it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            yield {
                "method": method.upper(), "path": path, "about": operation["description"], "role": operation["x-role"],
                "parameters": [_parameter(one) for one in operation.get("parameters", ())],
                "body": [{"name": name, "about": field.get("description", ""), "takes": ""} for name, field in
                         _resolved(document, body).get("properties", {}).items()] if body else [],
            }  # fmt: skip


def _parameter(one: Mapping[str, Any]) -> dict[str, str]:
    schema = one["schema"]
    choices = schema.get("enum") or next((kind["enum"] for kind in schema.get("anyOf", ()) if "enum" in kind), ())
    default = schema.get("default")
    takes = ", ".join(map(str, choices)) or ("" if default in (None, "") else str(default))
    return {"name": one["name"], "about": one.get("description", ""), "takes": takes}


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"].get(name, schema)
    return found


def _version() -> str:
    try:
        return version("smarketing")
    except PackageNotFoundError:
        return "0"
