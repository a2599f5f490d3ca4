"""Whatever a vendor sends, it costs the one record, which a person finds in the review queue in words that can be
understood. The others go on, and nobody is ever shown a traceback."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sandbox.both import Both
from state.records import Review
from tests.e2e.story import differences, one_record_each, plain_people
from tests.e2e.tampering import Tampered
from tests.e2e.world import SYSTEMS, World, world

MakeWorld = Callable[..., World]
RENEWAL = (
    ("smarketing.yaml", "  employees: {type: integer,", "  renewal: {type: date}\n  employees: {type: integer,"),
    ("mappings/hubspot.yaml", "  country: {remote", "  renewal: {remote: renewal}\n  country: {remote"),
    ("mappings/salesforce.yaml", "  country: {remote", "  renewal: {remote: Renewal__c}\n  country: {remote"),
)
"""A date in both systems: the presets have none."""

MANY = {"marketing": 120, "crm": 90, "shared": 60}
"""Enough for every case to have a person of its own, and for several pages."""

MEGABYTES = '"' + "A" * 10 * 2**20 + '"'
NO_DAY = "date"
BAD: Mapping[str, tuple[str, str, str, str]] = {
    # what: (system, field, raw JSON, what the message says)
    "half a surrogate pair": ("hubspot", "city", '"Par\\ud800is"', "half a character"),
    "the other half, in Salesforce": ("salesforce", "City", '"Par\\udc00is"', "half a character"),
    "a NUL byte": ("hubspot", "city", '"Par\\u0000is"', "NUL"),
    "a NUL byte in Salesforce": ("salesforce", "Title", '"CE\\u0000O"', "NUL"),
    "10 MB": ("hubspot", "company", MEGABYTES, "10,485,760 characters"),
    "10 MB in Salesforce": ("salesforce", "Title", MEGABYTES, "10,485,760 characters"),
    "an object": ("hubspot", "jobtitle", '{"de": "Leiter"}', "expected text, found a group of values"),
    "a list": ("salesforce", "Title", '["CEO", "CFO"]', "expected text, found a list"),
    "text for a number": ("salesforce", "NumberOfEmployees", '"many"', "number"),
    "a number beyond any float": ("salesforce", "NumberOfEmployees", "1e999", "number"),
    "a number of 5,000 digits": ("salesforce", "NumberOfEmployees", "7" * 5000, "number"),
    "no yes and no no": ("hubspot", "hs_email_optout", '"perhaps"', "expected yes or no"),
    "a stage that nobody mapped": ("hubspot", "lifecyclestage", '"champion"', "not in this system's table"),
    "a status that nobody mapped": ("salesforce", "Status", '"Nurturing"', "not in this system's table"),
    "a country of nowhere": ("hubspot", "country", '"Atlantis"', "no country"),
    "a 30th of February": ("hubspot", "renewal", '"2026-02-30"', NO_DAY),
    "the year 0": ("salesforce", "Renewal__c", '"0000-00-00"', NO_DAY),
    "a date by word": ("salesforce", "Renewal__c", '"soon"', NO_DAY),
    "a telephone of letters": ("hubspot", "phone", '"call me"', "no telephone number"),
}


@pytest.fixture
def spoken(make_world: MakeWorld) -> Callable[..., tuple[World, dict[str, Tampered]]]:
    """A synced world, and the mouths of its vendors."""

    def make(*, marketing: int = 40, crm: int = 30, shared: int = 20, **how: Any) -> tuple[World, dict[str, Tampered]]:
        both = Both.make(7, marketing=marketing, crm=crm, shared=shared)
        mouths = {name: Tampered(app) for name, app in both.apps.items()}
        made = make_world(both=both, apps=mouths, rewrite=RENEWAL, **how)
        made.settled()
        return made, mouths

    return make


def plant(w: World, mouths: Mapping[str, Tampered], bad: Mapping[str, tuple[str, str, str, str]]) -> dict[str, str]:
    """Give each case a person of its own. Returns who: case -> e-mail."""
    free, others = iter(plain_people(w, "Lead")), iter(plain_people(w, "Contact"))
    who = {}
    for n, (what, (system, name, raw, _)) in enumerate(bad.items()):
        who[what] = email = next(free) if system == "salesforce" else next(others, None) or next(free)
        marker = f"@@{n}@@"
        mouths[system].say(marker, raw)
        force(w, system, email, name, marker)
    return who


def force(w: World, system: str, email: str, name: str, value: str) -> None:
    """Into the vendor's own database, past all that it checks."""
    w.set(system, email, **({"address": "changed"} if system == "hubspot" else {"Street": "changed"}))
    if system == "hubspot":
        contact = w.contact(email)
        with w.both.hubspot.contacts.lock:
            contact.values = {**contact.values, name: value}
            w.both.hubspot.contacts.on_change(contact)
    else:
        row = w.row(email)
        table = w.both.salesforce.org.tables[row.pop("object")]
        with w.both.salesforce.org.lock:
            table.put({**row, name: value})


def about(w: World, system: str, email: str) -> list[Review]:
    remote = w.lead(email).links[system].remote_id
    return [review for review in w.reviews("bad_value") if review.remote_id == remote]


def test_the_one_record_goes_to_review_and_all_else_goes_on(spoken: Any) -> None:
    w, mouths = spoken(**MANY)
    who = plant(w, mouths, BAD)
    before = {what: dict(w.lead(email).fields) for what, email in who.items()}
    others = [email for email in plain_people(w, "Lead") if email not in who.values()]
    w.set("hubspot", others[0], city="Elsewhere")
    w.set("salesforce", others[1], City="Elsewhere")
    [report] = w.settled(1)
    for what, (system, name, _, said) in BAD.items():
        [review] = about(w, system, who[what])
        [problem] = review.detail["problems"]
        assert problem["remote"] == name, what
        assert any(one in problem["message"] for one in said.split("|")), (what, problem)
        assert len(problem["value"]) < 600, what
        lead = w.lead(who[what])
        assert lead.fields["street"] == "changed", f"{what}: the rest of the record counts"
        assert lead.fields.get(problem["field"]) == before[what].get(problem["field"]), what
    assert w.row(others[0])["City"] == "Elsewhere"
    assert w.contact(others[1]).values["city"] == "Elsewhere"
    assert report.systems["hubspot"].rejected == report.systems["salesforce"].rejected == 0
    assert w.sync().writes == 0


def test_a_value_that_was_put_right_closes_its_review(spoken: Any) -> None:
    w, mouths = spoken()
    who = plant(w, mouths, {what: BAD[what] for what in ("half a surrogate pair", "text for a number")})
    w.settled(1)
    assert len(w.reviews("bad_value")) == 2
    w.set("hubspot", who["half a surrogate pair"], city="Paris")
    w.set("salesforce", who["text for a number"], NumberOfEmployees=12)
    w.settled(1)
    assert w.reviews("bad_value") == []
    assert w.row(who["half a surrogate pair"])["MailingCity"] == "Paris"
    assert w.lead(who["text for a number"]).fields["employees"] == 12


def test_no_bad_value_shows_a_person_a_traceback(spoken: Any) -> None:
    w, mouths = spoken(**MANY)
    who = plant(w, mouths, BAD)
    ran = [w.run("plan"), w.run("sync"), w.run("review", "list")]
    ids = [str(review.id) for review in w.reviews("bad_value")]
    assert len(ids) == len(BAD)
    ran += [w.run("review", "show", *ids), w.run("review", "list", "--json"), w.run("sync", "--json")]
    ran.append(w.run("explain", who["half a surrogate pair"]))
    for said in ran:
        assert "Traceback" not in said.out + said.err
        assert said.code == 0, said
        assert "internal" not in said.out + said.err
        assert len(said.out) < 200_000
    assert not list((w.folder).glob("logs/*"))
    assert "half a character" in " ".join(ran[2].out.split())


def test_what_is_unknown_to_us_costs_nobody(spoken: Any) -> None:
    """Fields that nobody asked for, at every level of an answer."""
    w, mouths = spoken()
    for mouth, list_ in zip(mouths.values(), ("results", "records"), strict=True):
        mouth.instead[f'"{list_}":['] = f'"surprise":{{"a":[1]}},"{list_}":['
    mouths["hubspot"].instead['"createdAt":'] = '"novelty":null,"createdAt":'
    mouths["salesforce"].instead['"LastName":'] = '"Novelty__c":[{"x":1}],"LastName":'
    email = plain_people(w, "Lead")[0]
    w.set("hubspot", email, city="Elsewhere")
    w.settled(1)
    assert w.row(email)["City"] == "Elsewhere"
    assert w.reviews("bad_value") == []


def test_addresses_in_capitals_and_with_spaces_are_one_person(make_world: MakeWorld) -> None:
    both = Both.make(7, marketing=20, crm=20, shared=10)
    mouth = Tampered(both.apps["salesforce"])
    w = make_world(both=both, apps={"salesforce": mouth})
    spelled = ["ANNA@Lake.EXAMPLE", " ben@lake.example ", "\\tCarl@Lake.example\\n", "mailto:dora@lake.example"]
    plain = ["anna@lake.example", "ben@lake.example", "carl@lake.example", "dora@lake.example"]
    for n, (odd, email) in enumerate(zip(spelled, plain, strict=True)):
        mouth.say(f"odd{n}@lake.example", f'"{odd}"')
        w.edit(
            "salesforce", "create", "", fields={"LastName": "Odd", "Company": "Lake", "Email": f"odd{n}@lake.example"}
        )
        w.edit("hubspot", "create", "", fields={"email": email, "lastname": "Odd", "lifecyclestage": "lead"})
    w.settled()
    assert [set(w.lead(email).links) for email in plain] == [set(SYSTEMS)] * 4


def test_a_record_whose_address_cannot_be_read_is_nobody_until_it_can(make_world: MakeWorld) -> None:
    both = Both.make(7, marketing=20, crm=20, shared=10)
    mouth = Tampered(both.apps["hubspot"])
    mouth.say("odd@lake.example", '"odd at lake"')
    w = make_world(both=both, apps={"hubspot": mouth})
    w.edit("hubspot", "create", "", fields={"email": "odd@lake.example", "lastname": "Odd", "lifecyclestage": "lead"})
    w.settled()
    [review] = w.reviews("bad_value")
    assert "no e-mail address" in review.detail["problems"][0]["message"]
    assert not any(row["LastName"] == "Odd" for row in w.rows())
    mouth.instead.clear()
    w.sync(full=True)
    assert w.row("odd@lake.example")["LastName"] == "Odd"
    assert w.reviews("bad_value") == []


BROKEN_PAGES = {
    "not JSON": ('{"', "<html><b>", "JSON|cut off"),
    "no list": ('"results":', '"outcome":', "lacks results"),
    "a list of nothing": ('"results":[', '"results":[null,', "shape|without an id"),
    "no id": ('"id":"', '"identity":"', "without an id|shape"),
    "a change on no day": ('"updatedAt":"20', '"updatedAt":"20-99-', "shape"),
    "text where records should be": ('"results":[', '"results":"none","rest":[', "without an id|shape"),
}


@pytest.mark.parametrize("what", BROKEN_PAGES)
def test_a_page_in_another_shape_stops_the_one_system_in_words(spoken: Any, what: str) -> None:
    w, mouths = spoken()
    old, new, said = BROKEN_PAGES[what]
    mouths["hubspot"].instead[old] = new
    email = plain_people(w, "Lead")[0]
    w.set("salesforce", email, City="Elsewhere")
    answer = w.cli("sync", "--json", code=4).json
    assert list(answer["errors"]) == ["hubspot"]
    assert any(one in answer["errors"]["hubspot"]["message"] for one in said.split("|")), answer["errors"]
    assert w.lead(email).fields["city"] == "Elsewhere", "Salesforce goes on"
    shown = w.cli("sync", code=4)
    assert "Traceback" not in shown.out + shown.err
    mouths["hubspot"].instead.clear()
    w.settled()
    assert w.contact(email).values["city"] == "Elsewhere"


SALESFORCE_PAGES = {
    "not JSON": ('{"totalSize', "<html><b>", "JSON|cut off"),
    "no list": ('"records":', '"outcome":', "lacks records"),
    "a list of nothing": ('"records":[{', '"records":[null,{', "shape"),
    "no id": ('"Id":"', '"Identity":"', "shape|Id"),
    "a change on no day": ('"SystemModstamp":"20', '"SystemModstamp":"20-99-', "shape|time"),
    "text where records should be": ('"records":[', '"records":"none","rest":[', "shape"),
}


@pytest.mark.parametrize("what", SALESFORCE_PAGES)
def test_a_page_of_salesforce_in_another_shape_as_well(spoken: Any, what: str) -> None:
    w, mouths = spoken()
    old, new, said = SALESFORCE_PAGES[what]
    mouths["salesforce"].instead[old] = new
    email = plain_people(w, "Lead")[0]
    w.set("hubspot", email, city="Elsewhere")
    answer = w.cli("sync", "--json", code=4).json
    assert list(answer["errors"]) == ["salesforce"]
    assert any(one in answer["errors"]["salesforce"]["message"] for one in said.split("|")), answer["errors"]
    assert w.lead(email).fields["city"] == "Elsewhere", "HubSpot goes on"
    mouths["salesforce"].instead.clear()
    w.settled()
    assert w.row(email)["City"] == "Elsewhere"


def test_a_system_that_only_sends_html_is_told_so_and_the_other_goes_on(synced: World) -> None:
    """By a process of its own, with the patience that everybody gets."""
    w = synced
    w.both.hubspot.faults.add("not_json", path="^/crm")
    said = w.run("sync")
    assert said.code == 4
    assert "Traceback" not in said.out + said.err
    assert "something that is not JSON" in " ".join(re.sub("[│╭╮╰╯─]", " ", said.out).split())
    assert "proxy" in said.out
    assert json.loads(w.run("status", "--json").out)["ok"] is True


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("reading.LIST_PAGE", "search.SEARCH_PAGE"):
        monkeypatch.setattr(f"connectors.hubspot.{name}", 20)


def once(action: Callable[[], None], path: str) -> Callable[[str], None]:
    """Do it after the first answer of this kind: between two pages."""
    done: list[bool] = []

    def after(asked: str) -> None:
        if asked.endswith(path) and not done:
            done.append(True)
            action()

    return after


@pytest.mark.usefixtures("small_pages")
def test_a_property_that_is_deleted_and_one_that_appears_between_two_pages(spoken: Any) -> None:
    w, mouths = spoken(**MANY)
    hubspot = w.both.hubspot
    before = {lead.fields["email"]: lead.fields.get("industry") for lead in w.leads() if lead.fields.get("email")}

    def change() -> None:
        with hubspot.contacts.lock:
            del hubspot.properties.all["industry"]
            for contact in hubspot.contacts.live.values():
                contact.values = {n: v for n, v in contact.values.items() if n != "industry"}
            new = {"name": "hat_size", "label": "Hat", "type": "string", "fieldType": "text", "groupName": "x"}
            hubspot.properties.all["hat_size"] = {**hubspot.properties.all["city"], **new}

    mouths["hubspot"].after = once(change, "/contacts")
    report = w.sync(full=True)
    assert "hubspot" not in report.errors
    after = {lead.fields["email"]: lead.fields.get("industry") for lead in w.leads() if lead.fields.get("email")}
    assert after == before, "what cannot be read is not blanked anywhere"
    assert {row.get("Industry") for row in w.rows()} != {None}
    answer = w.cli("check", "--json", code=1).json
    assert [f["remote"] for f in answer["systems"]["hubspot"]["findings"] if f["level"] == "error"] == ["industry"]
    # From now on a write of the property is refused, and says so.
    email = plain_people(w, "Lead")[0]
    w.set("salesforce", email, Industry="Banking")
    w.set("salesforce", email, City="Elsewhere")
    w.sync()
    letter = next(r for r in w.reviews("dead_letter") if r.hub_id == w.lead(email).id)
    assert "industry" in letter.detail["problems"][0]["message"]


def test_a_field_that_is_deleted_in_salesforce_stops_it_in_words(spoken: Any) -> None:
    w, mouths = spoken(**MANY)
    w.both.salesforce.org.switches.page_size = 20
    org = w.both.salesforce.org

    def change() -> None:
        with org.lock:
            for name in ("Lead", "Contact"):
                org.tables[name].drop_field("Renewal__c")

    mouths["salesforce"].after = once(change, "/queryAll")
    w.sync(full=True)
    answer = w.cli("sync", "--json", code=4).json
    assert "Renewal__c" in answer["errors"]["salesforce"]["message"]
    assert "provision" in answer["errors"]["salesforce"]["hint"]
    w.cli("provision")
    w.settled()


def test_a_picklist_value_that_vanishes_costs_those_who_need_it(spoken: Any) -> None:
    w, _ = spoken(**MANY)
    leads = [
        e for e in plain_people(w) if w.row(e)["object"] == "Lead" and w.row(e)["Status"] == "Open - Not Contacted"
    ]
    table = w.both.salesforce.org.tables["Lead"]
    status = table.fields["Status"]
    with w.both.salesforce.org.lock:
        table.set_field(replace(status, values=tuple(v for v in status.values if v != "Working - Contacted")))
    w.set("hubspot", leads[0], lifecyclestage="salesqualifiedlead")
    w.set("hubspot", leads[1], city="Elsewhere")
    report = w.sync()
    assert report.outcome == "done"
    assert w.row(leads[1])["City"] == "Elsewhere"
    [letter] = w.reviews("dead_letter")
    assert letter.hub_id == w.lead(leads[0]).id
    assert "Working - Contacted" in letter.detail["problems"][0]["message"]
    assert w.sync().writes == 0, "what was refused is not tried again by itself"
    with w.both.salesforce.org.lock:
        table.set_field(status)
    assert w.cli("review", "resolve", *[str(letter.id)], "--retry").code == 0
    w.sync()
    assert w.row(leads[0])["Status"] == "Working - Contacted"
    assert w.reviews("dead_letter") == []


ODD_RESULTS = {
    "hubspot": (('"results":[', '"results":[null,'), ('"results":', '"outcome":'), ('"id":"', '"ident":"')),
    "salesforce": (('"success":true', '"success":"?","id":null'), ("[{", "[null,{"), ('"id":"', '"ident":"')),
}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    with world(tmp_path_factory.mktemp("ordinary"), marketing=40, crm=30, shared=15) as w:
        w.settled(3)
        return w.picture()


@pytest.mark.parametrize(("system", "n"), [(system, n) for system in SYSTEMS for n in range(3)])
def test_an_answer_to_a_batch_that_makes_no_sense_is_looked_into(
    make_world: MakeWorld, ordinary: dict[str, Counter[str]], system: str, n: int
) -> None:
    """What was written is not known: it is not written twice, and not taken for something else."""
    both = Both.make(7, marketing=40, crm=30, shared=15)
    mouth = Tampered(both.apps[system])
    w = make_world(both=both, apps={system: mouth})
    old, new = ODD_RESULTS[system][n]
    mouth.only = "/batch/|/composite/"
    mouth.instead[old] = new
    said = w.cli("sync", "--confirm", "--json", code=None)
    assert said.code in (1, 3, 4), said.out
    assert "Traceback" not in said.out + said.err
    mouth.instead.clear()
    w.cli("review", "resolve", *[str(r.id) for r in w.reviews("dead_letter")], "--retry", code=None)
    w.settled(3)
    assert w.sync().writes == 0
    assert one_record_each(w) == []
    wrong = differences(ordinary, w.picture())
    assert not wrong, "\n".join(wrong)
