"""One record through the draft, both ways: what is read, what would be written back, and where anything is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from httpx import Response

from console.translated import Both, inward, outward
from console.web import sample as page_module
from console.web.draft import published, rules_of
from console.web.jobs import Job
from console.web.site import Site
from mapping.mapper import Mapper
from tests.console.folder import ALAN_IN_CRM, edit, held
from tests.console.web.conftest import Browser, seen


@pytest.fixture
def draft(project: object, site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    files = published(site.folder)
    monkeypatch.setattr(page_module, "draft_of", lambda page: dict(files))
    return files


@pytest.fixture
def crm(draft: dict[str, str]) -> Callable[[], Mapper]:
    return lambda: rules_of(draft).mappers["crm"]


def by_field(found: list[Both]) -> dict[str, Both]:
    return {one.field: one for one in found}


def test_the_way_there_and_back(crm: Callable[[], Mapper]) -> None:
    shown = {**ALAN_IN_CRM, "Email": "Alan@Bletchley.example", "Phone": "020 7946 0001", "Title": "n/a", "OptOut": "perhaps",
             "Company": None}  # fmt: skip
    told = by_field(inward(crm(), shown))
    assert (told["last_name"].verdict, told["last_name"].value) == ("same", "Turing")
    assert (told["email"].verdict, told["email"].value, told["email"].written) == ("respelled", "alan@bletchley.example", "alan@bletchley.example")  # fmt: skip
    assert (told["phone"].verdict, told["phone"].value) == ("respelled", "+442079460001")
    assert told["job_title"].verdict == "ignored"
    assert told["company"].verdict == "blank"
    assert told["opted_out"].verdict == "unreadable"
    assert told["opted_out"].problem
    assert "perhaps" not in told["opted_out"].problem
    assert told["score"].verdict == "not_read"
    assert (told["stage"].verdict, told["stage"].value, told["stage"].written) == ("same", "sal", "Working")
    absent = by_field(inward(crm(), {"Email": "x@y.example"}))
    assert absent["phone"].verdict == "absent"


def test_what_is_lost_on_the_way_out(crm: Callable[[], Mapper], draft: dict[str, str]) -> None:
    """In this CRM, a customer is told as "Qualified", which is read as sales-qualified."""
    hub = {"email": "a@x.example", "stage": "customer", "first_name": "Ada", "score": 20, "employees": 5}
    told = by_field(outward(crm(), hub, {"First": "Ada", "Our_Score": "20", "Status": "Qualified"}))
    assert (told["stage"].verdict, told["stage"].written, told["stage"].again) == ("lossy", "Qualified", "sql")
    assert told["first_name"].verdict == "in_line"
    assert told["score"].verdict == "in_line"
    assert told["email"].verdict == "differs"
    assert "employees" not in told
    more = by_field(
        outward(
            crm(),
            {"opted_out": False, "email": "a@x.example"},
            {"OptOut": True, "Company": "X", "Email": "a@x.example"},
        )
    )
    assert {name: one.verdict for name, one in more.items()} == {
        "email": "in_line",
        "opted_out": "never_sent",
        "company": "blank",
    }
    assert "phone" not in told
    draft["mappings/crm.yaml"] = draft["mappings/crm.yaml"].replace(
        "first_name: {remote: First}", "first_name: {remote: First, direction: pull}"
    )
    assert "first_name" not in by_field(outward(crm(), hub, {}))


# -- the page ---------------------------------------------------------------------------------------------------------


def ended(site: Site) -> Job:
    until = time.monotonic() + 30
    while site.jobs.running() and time.monotonic() < until:
        time.sleep(0.02)
    return next(job for job in site.jobs.all() if job.kind == "record")


def chosen(admin: Browser, site: Site, system: str, id_: str) -> Response:
    admin.post(f"/mapping/{system}/sample", {"kind": "lead", "id": id_})
    return admin.get(f"/mapping/{system}/sample?job={ended(site).id}")


def rows(answer: Response) -> dict[str, str]:
    """What the first table says, by the system's field."""
    body = answer.text.partition("<tbody>")[2].partition("</tbody>")[0]
    texts = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in body.split("</tr>")]
    return {text.split(" ")[0]: text for text in texts if text}


def test_a_record_is_read_once_and_translated_by_the_draft_as_it_is(
    admin: Browser, site: Site, draft: dict[str, str]
) -> None:
    before = held(site.folder, "crm")
    answer = chosen(admin, site, "crm", "1")
    assert "Ada Lovelace" in seen(answer)
    assert "nothing lost" in rows(answer)["First"]
    assert "+442079460001" in rows(answer)["Phone"]
    draft["mappings/crm.yaml"] = (
        draft["mappings/crm.yaml"]
        .replace("{remote: Phone}", "{remote: First}")
        .replace("first_name: {remote: First}", "first_name: {remote: Phone}")
    )
    again = rows(admin.get(str(answer.url).removeprefix("http://console.test")))
    assert "cannot be read" in again["First"]
    assert "+44 20 7946 0001" in again["Phone"]
    assert "First name" in again["Phone"]
    assert len([job for job in site.jobs.all() if job.kind == "record"]) == 1
    assert held(site.folder, "crm") == before


def test_found_by_what_it_is_matched_by(admin: Browser, site: Site) -> None:
    for asked in ("ADA@analytical.example", "1"):
        assert "Ada Lovelace" in seen(admin.get(f"/mapping/crm/sample?q={asked}"))
    assert "No record is known by this" in seen(admin.get("/mapping/crm/sample?q=nobody@x.example"))
    assert "No record is known by this" in seen(admin.get("/mapping/crm/sample?q=grace@navy.example"))


def test_any_record_and_one_that_is_gone(admin: Browser, site: Site) -> None:
    assert re.search(r"Ada Lovelace|Alan Turing", seen(chosen(admin, site, "crm", "")))
    edit(site.folder, "crm", "1", deleted=True)
    assert "crm has no record 1 any more" in seen(chosen(admin, site, "crm", "1"))


def test_a_broken_draft_is_told(admin: Browser, site: Site, draft: dict[str, str]) -> None:
    draft["mappings/crm.yaml"] = draft["mappings/crm.yaml"].replace("remote: Phone", "remot: Phone")
    answer = admin.get("/mapping/crm/sample")
    assert answer.status_code == 200
    assert "fields.phone.remot" in seen(answer)


def test_it_is_for_admins(viewer: Browser, operator: Browser, site: Site) -> None:
    for browser in (viewer, operator):
        assert browser.get("/mapping/crm/sample").status_code == 403
        assert browser.post("/mapping/crm/sample", {"kind": "lead", "id": "1"}).status_code == 403
    assert site.jobs.all() == []
