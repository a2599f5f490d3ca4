"""What everybody chooses for themselves: the language and the appearance."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.web.page import LANGUAGE, THEME, Viewer, inside, secure
from console.web.site import LANGUAGES

router = APIRouter()
A_YEAR = 365 * 86400


@router.post("/preferences")
def choose(
    page: Viewer, language: Annotated[str, Form()], theme: Annotated[str, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    assert page.visitor is not None
    if language in LANGUAGES and language != page.visitor.account.language:
        page.site.accounts.change(page.visitor.account.id, language=language)
    answer = page.go(inside(back))
    for name, value, known in ((LANGUAGE, language, LANGUAGES), (THEME, theme, ("system", "light", "dark"))):
        if value in known:
            answer.set_cookie(name, value, max_age=A_YEAR, httponly=True, samesite="lax", secure=secure(page.request))
    return answer
