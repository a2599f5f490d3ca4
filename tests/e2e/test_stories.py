"""What happens between marketing and sales on ordinary days, with the presets as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.story import plain_people
from tests.e2e.world import SYSTEMS, World

MakeWorld = Callable[..., World]
SALES_CHOOSES = (
    "mappings/salesforce.yaml",
    "  remote: Status\n",
    "  remote: Smarketing_Stage__c\n",
)


def open_leads(w: World, stage: str) -> list[str]:
    """Addresses of plain people who are Leads in Salesforce and stand at this stage."""
    stages = {lead.fields.get("email"): lead.fields.get("stage") for lead in w.leads()}
    return [email for email in plain_people(w, "Lead") if stages.get(email) == stage]


# -- records that become others ---------------------------------------------------------------------------------------


def test_a_converted_lead_goes_on_as_its_contact(synced: World) -> None:
    w = synced
    email = open_leads(w, "sql")[0]
    before = w.lead(email)
    done = w.edit("salesforce", "convert", email, opportunity="The big one")
    w.settled()
    after = w.lead(email)
    assert after.id == before.id
    assert after.links["salesforce"].remote_id == done["contact_id"]
    assert after.links["hubspot"].remote_id == before.links["hubspot"].remote_id
    assert after.fields["stage"] == "opportunity"
    assert w.contact(email).values["lifecyclestage"] == "opportunity"
    assert w.row(email)["object"] == "Contact"
    assert w.row(email)["Smarketing_Stage__c"] == "opportunity"
    w.set("salesforce", email, Title="Chief of Everything")
    w.set("hubspot", email, city="Elsewhere")
    w.settled()
    assert w.contact(email).values["jobtitle"] == "Chief of Everything"
    assert w.row(email)["MailingCity"] == "Elsewhere"
    assert w.sync().writes == 0


def test_a_hubspot_merge_is_followed_to_its_new_id(synced: World) -> None:
    """HubSpot gives the result of a merge an id that neither of the two had."""
    w = synced
    kept = open_leads(w, "lead")[0]
    w.edit("hubspot", "create", "", fields={"email": "other@example.net", "lastname": "Other", "phone": "+14155550123"})
    w.settled(1)
    leads = len(w.leads())
    old = {w.lead(e).links["hubspot"].remote_id for e in (kept, "other@example.net")}
    new = w.edit("hubspot", "merge", kept, other="other@example.net")["id"]
    assert new not in old
    w.settled()
    assert w.lead(kept).links["hubspot"].remote_id == new
    assert len(w.leads()) == leads, "nobody is made anew"
    w.set("salesforce", kept, City="Elsewhere")
    w.settled(1)
    assert w.contact(kept).values["city"] == "Elsewhere"
    assert str(w.contact(kept).id) == new
    assert w.sync().writes == 0


def test_a_merge_in_salesforce_keeps_the_winner(synced: World) -> None:
    w = synced
    winner, loser = open_leads(w, "lead")[:2]
    ids = {email: w.row(email)["Id"] for email in (winner, loser)}
    w.edit("salesforce", "merge", winner, other=ids[loser])
    w.settled()
    assert w.lead(winner).links["salesforce"].remote_id == ids[winner]
    assert w.lead(loser).links["salesforce"].state == "merged"
    [review] = [r for r in w.reviews("duplicate") if r.hub_id == w.lead(loser).id]
    assert review.detail["why"] == "merged"
    assert w.contact(loser), "marketing's record stays"
    assert w.sync().writes == 0


def test_a_deletion_in_the_crm_deletes_nothing_elsewhere_and_a_restored_record_is_linked_again(synced: World) -> None:
    w = synced
    email = open_leads(w, "lead")[0]
    id_ = w.edit("salesforce", "delete", email)["id"]
    w.settled()
    assert w.lead(email).links["salesforce"].state == "deleted"
    assert w.contact(email).values["lastname"]
    w.set("hubspot", email, city="Elsewhere")
    w.settled()
    assert not [row for row in w.rows() if row.get("Email") == email], "it is not made again"
    w.edit("salesforce", "undelete", "", id=id_)
    w.settled()
    assert w.lead(email).links["salesforce"].state == "live"
    assert w.row(email)["Id"] == id_
    assert w.row(email)["City"] == "Elsewhere"


def test_a_deletion_in_hubspot_is_found_and_deletes_nothing_elsewhere(synced: World) -> None:
    w = synced
    email = open_leads(w, "lead")[0]
    w.edit("hubspot", "delete", email)
    w.settled()
    assert w.lead(email).links["hubspot"].state == "deleted"
    w.set("salesforce", email, City="Elsewhere")
    w.settled()
    assert w.row(email)["City"] == "Elsewhere"
    with pytest.raises(ValueError, match="no contact"):
        w.contact(email)


# -- consent ----------------------------------------------------------------------------------------------------------


def test_an_opt_out_on_either_side_travels(synced: World) -> None:
    w = synced
    one, other = open_leads(w, "lead")[:2]
    w.edit("hubspot", "opt_out", one)
    w.edit("salesforce", "opt_out", other)
    w.settled(1)
    assert w.row(one)["HasOptedOutOfEmail"] is True
    assert w.contact(other).values["smarketing_opted_out"] == "true"
    assert {w.lead(email).fields["opted_out"] for email in (one, other)} == {True}


def test_nobody_is_opted_in_again(synced: World) -> None:
    """Not by sales, not by an import in marketing: who is out stays out in every system."""
    w = synced
    one, other = open_leads(w, "lead")[:2]
    w.edit("hubspot", "opt_out", one)
    w.edit("salesforce", "opt_out", other)
    w.settled(1)
    w.set("salesforce", one, HasOptedOutOfEmail=False)
    w.set("hubspot", other, smarketing_opted_out="false")
    w.set("salesforce", other, HasOptedOutOfEmail=False)
    w.settled()
    for email in (one, other):
        assert w.lead(email).fields["opted_out"] is True
        assert w.row(email)["HasOptedOutOfEmail"] is True, "Salesforce is told once more"
    assert w.contact(one).values["hs_email_optout"] == "true"
    assert w.sync().writes == 0


def test_a_legal_basis_travels_whole_and_an_act_where_it_may(synced: World) -> None:
    w = synced
    one, other = open_leads(w, "lead")[:2]
    since = "2026-02-01T09:00:00Z"
    w.set("hubspot", one, hs_legal_basis="Performance of a contract", smarketing_consent_at=since)
    w.edit("hubspot", "opt_out", other)
    w.settled(1)
    assert w.row(one)["Smarketing_Consent_Basis__c"] == "contract"
    assert w.lead(one).fields["consent_at"] == since
    assert w.row(other)["HasOptedOutOfEmail"] is True
    act = ("--opt-in", "email", "--basis", "consent", "--note", "on the phone", "--by", "Ann", "--confirm")
    assert w.cli("consent", other, *act, "--json").json["by_hand"] == ["hubspot"]
    w.settled(2)
    assert w.row(other)["HasOptedOutOfEmail"] is False
    assert w.row(other)["Smarketing_Consent_Basis__c"] == "consent"
    told = w.contact(other).values
    assert told["smarketing_opted_out"] == "false"
    assert told["hs_legal_basis"] == "Freely given consent from contact"
    assert told["smarketing_consent_source"] == "told to Ann"
    assert told["hs_email_optout"] == "true", "HubSpot lets nobody but the person take that back"


def test_nobody_is_opted_out_by_our_doing(synced: World) -> None:
    w = synced
    out = {p["email"].strip().lower() for p in (*w.people.marketing, *w.people.crm) if p["opted_out"]}
    for row in w.rows():
        if row.get("HasOptedOutOfEmail"):
            assert row["Email"].strip().lower() in out
    for contact in w.both.hubspot.contacts.live.values():
        if contact.values.get("smarketing_opted_out") == "true":
            assert contact.values["email"] in out


# -- stages and scores ------------------------------------------------------------------------------------------------


def test_sales_takes_up_a_lead_and_marketing_sees_it(synced: World) -> None:
    w = synced
    email = open_leads(w, "mql")[0]
    w.set("salesforce", email, Status="Working - Contacted")
    w.settled()
    assert w.lead(email).fields["stage"] == "sal"
    assert w.contact(email).values["smarketing_stage"] == "sal"
    assert w.contact(email).values["lifecyclestage"] == "marketingqualifiedlead", "HubSpot has no word for it"
    assert w.row(email)["Smarketing_Stage__c"] == "sal"
    assert w.row(email)["Status"] == "Working - Contacted", "what sales chose stands"


def test_sales_moves_a_lead_to_sql_and_marketing_sees_it(make_world: MakeWorld) -> None:
    """In an org where sales chooses among the shared stages, as the preset's comment tells to set up."""
    w = make_world()
    mapping = w.folder / "mappings/salesforce.yaml"
    text = mapping.read_text()
    begin = text.index("stage:\n  remote: Status")
    ladder = [
        "subscriber",
        "lead",
        "mql",
        "sal",
        "sql",
        "opportunity",
        "customer",
        "evangelist",
        "recycled",
        "disqualified",
        "lost",
    ]
    own = "stage:\n  remote: Smarketing_Stage__c\n  values: {" + ", ".join(f"{s}: {s}" for s in ladder) + "}\n"
    shared = "  shared_stage: {remote: Smarketing_Stage__c, direction: push}\n"
    mapping.write_text(text[:begin].replace(shared, "") + own)
    w.settled()
    email = open_leads(w, "mql")[0]
    w.set("salesforce", email, Smarketing_Stage__c="sql")
    w.settled()
    values = w.contact(email).values
    assert values["lifecyclestage"] == "salesqualifiedlead"
    assert values["smarketing_sales_qualified"] == "true"
    assert values["smarketing_stage"] == "sql"
    assert w.row(email)["Smarketing_Sales_Qualified__c"] is True
    told = w.cli("explain", email, "--json").json
    assert "sql" in str(told["lead"]["stages"] if "lead" in told else told)


def test_the_score_and_its_reasons_are_pushed_to_both(synced: World) -> None:
    w = synced
    for lead in w.leads():
        if set(lead.links) != set(SYSTEMS):
            continue
        row = next(r for r in w.rows() if r["Id"] == lead.links["salesforce"].remote_id)
        contact = w.both.hubspot.contacts.live[int(lead.links["hubspot"].remote_id)]
        score, reason = lead.fields["score"], lead.fields["score_reason"]
        assert row["Smarketing_Score__c"] == score
        assert contact.values["smarketing_score"] == str(score)
        assert row["Smarketing_Score_Reason__c"] == contact.values["smarketing_score_reason"] == reason
        assert row["Smarketing_Grade__c"] == contact.values["smarketing_grade"] == lead.fields["grade"]
        assert row["Smarketing_Fit_Score__c"] == int(contact.values["smarketing_fit_score"]) == lead.fields["fit_score"]
    email = next(e for e in open_leads(w, "lead") if "Decides" not in w.lead(e).fields["score_reason"])
    before = int(w.lead(email).fields["score"])
    w.set("hubspot", email, jobtitle="Chief Executive Officer")
    w.settled(1)
    assert w.row(email)["Smarketing_Score__c"] == before + 20, "40 points of fit, which is half of the score"
    assert w.contact(email).values["smarketing_score"] == str(before + 20)
    assert "Decides or leads +40" in w.contact(email).values["smarketing_score_reason"]


def test_a_stage_that_goes_back_by_a_decision_goes_back_in_hubspot_too(synced: World) -> None:
    """HubSpot's lifecyclestage only goes forward by itself: it is cleared, set, and read back."""
    w = synced
    email = open_leads(w, "mql")[0]
    w.set("salesforce", email, Status="Closed - Not Converted")
    w.settled()
    assert w.lead(email).fields["stage"] == "disqualified"
    assert w.contact(email).values["lifecyclestage"] == "other"
    assert w.contact(email).values["smarketing_score"] == "0"
    w.set("salesforce", email, Status="Open - Not Contacted")
    w.settled()
    assert w.lead(email).fields["stage"] in ("lead", "mql"), "the score may raise it at once"
    assert w.contact(email).values["lifecyclestage"] in ("lead", "marketingqualifiedlead")
    assert w.sync().writes == 0


def test_a_stage_never_goes_back_by_itself(synced: World) -> None:
    w = synced
    customer = next(lead for lead in w.leads() if lead.fields["stage"] == "customer" and "hubspot" in lead.links)
    email = str(customer.fields["email"])
    w.set("hubspot", email, lifecyclestage="lead")
    w.settled()
    assert w.lead(email).fields["stage"] == "customer"
    assert w.contact(email).values["lifecyclestage"] == "customer", "HubSpot is told again, forward"


def test_a_subscriber_whom_sales_knows_is_a_lead_whichever_system_was_read_first(make_world: MakeWorld) -> None:
    """Salesforce's "Open" may stand for a subscriber; that sales has the record says more."""
    worlds = [make_world(marketing=20, crm=20, shared=10) for _ in range(3)]
    for w in worlds:
        person = {"email": "sub@example.net", "lastname": "Sub", "lifecyclestage": "subscriber"}
        w.edit("hubspot", "create", "", fields=person)
        w.edit("salesforce", "create", "", fields={"Email": "sub@example.net", "LastName": "Sub", "Company": "Co"})
    worlds[0].sync(["hubspot"])
    worlds[1].sync(["salesforce"])
    for w in worlds:
        w.settled(3)
        assert w.lead("sub@example.net").fields["stage"] == "lead"
        assert w.contact("sub@example.net").values["lifecyclestage"] == "lead"


# -- people decide ----------------------------------------------------------------------------------------------------


@pytest.fixture
def doubled(synced: World) -> tuple[World, str, str]:
    """Somebody typed a lead in that sales has already: (world, e-mail, id of the second record)."""
    w = synced
    email = open_leads(w, "lead")[0]
    second = {"Email": email.upper(), "LastName": "Again", "Company": "Typed Twice", "City": "Twin Peaks"}
    id_ = w.edit("salesforce", "create", "", fields=second)["id"]
    w.settled(1)
    return w, email, str(id_)


def question(w: World, id_: str) -> Any:
    listed = w.cli("review", "list", "--json", "--limit", "500").json["reviews"]
    [found] = [review for review in listed if review["remote_id"] == id_]
    return found


def test_a_duplicate_is_a_question_and_nothing_happens_to_it_meanwhile(doubled: tuple[World, str, str]) -> None:
    w, email, id_ = doubled
    asked = question(w, id_)
    assert asked["kind"] == "duplicate"
    assert asked["detail"]["candidates"][0]["hub"] == w.lead(email).id
    shown = w.cli("review", "show", str(asked["id"]))
    assert "review resolve" in shown.out
    row = next(row for row in w.rows() if row["Id"] == id_)
    assert row["City"] == "Twin Peaks"
    assert "Smarketing_Id__c" not in row
    assert w.sync().writes == 0


def test_a_duplicate_that_is_a_person_of_its_own(doubled: tuple[World, str, str]) -> None:
    w, _, id_ = doubled
    before = len(w.leads())
    w.cli("review", "resolve", str(question(w, id_)["id"]), "--new", "--by", "ada")
    w.sync()
    assert len(w.leads()) == before + 1
    made = next(
        lead for lead in w.leads() if lead.links.get("salesforce") and lead.links["salesforce"].remote_id == id_
    )
    assert made.fields["city"] == "Twin Peaks"
    assert not [r for r in w.reviews("duplicate") if r.remote_id == id_]


def test_a_duplicate_that_takes_the_place_of_the_first(doubled: tuple[World, str, str]) -> None:
    w, email, id_ = doubled
    lead = w.lead(email)
    w.cli("review", "resolve", str(question(w, id_)["id"]), "--lead", lead.id)
    w.sync()
    w.sync()
    assert w.lead(email).links["salesforce"].remote_id == id_
    assert w.lead(email).fields["city"] == "Twin Peaks"
    assert not [r for r in w.reviews("duplicate") if r.remote_id == id_]


def test_a_duplicate_that_is_left_alone_is_not_asked_about_again(doubled: tuple[World, str, str]) -> None:
    w, email, id_ = doubled
    w.cli("review", "resolve", str(question(w, id_)["id"]), "--ignore")
    w.sync()
    assert not [r for r in w.reviews() if r.remote_id == id_]
    w.edit("salesforce", "set", "", id=id_, fields={"City": "Nowhere"})
    w.sync()
    w.sync(full=True)
    assert not [r for r in w.reviews() if r.remote_id == id_]
    assert w.lead(email).fields.get("city") != "Nowhere"


def test_a_conflict_that_a_person_decides(make_world: MakeWorld) -> None:
    w = make_world(
        rewrite=[("smarketing.yaml", "job_title: {type: text}", "job_title: {type: text, on_conflict: review}")]
    )
    w.settled()
    email = next(
        e for e in open_leads(w, "lead") if not [r for r in w.reviews("conflict") if w.lead(e).id in r.subject]
    )
    w.set("hubspot", email, jobtitle="Head of Growth")
    w.set("salesforce", email, Title="Chief Revenue Officer")
    w.settled()
    [asked] = [r for r in w.reviews("conflict") if r.hub_id == w.lead(email).id]
    assert w.contact(email).values["jobtitle"] == "Head of Growth", "neither is written over"
    assert w.row(email)["Title"] == "Chief Revenue Officer"
    w.cli("review", "resolve", str(asked.id), "--take", "hubspot", "--by", "ada")
    w.settled()
    assert w.row(email)["Title"] == w.contact(email).values["jobtitle"] == "Head of Growth"
    assert w.sync().writes == 0
