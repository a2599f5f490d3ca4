"""What may be done about a record from its page: a consent, two that are one, all that is held on a person."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from connectors.base import utc_now
from console.cli import main
from console.web import finding
from console.web.site import Site
from state import tables as t
from state.lock import Lease
from tests.console.web.conftest import Browser, id_of, seen
from tests.console.web.test_records import ADA, ALAN, found


def test_whoever_only_looks_may_do_nothing(viewer: Browser, operator: Browser, ada: str) -> None:
    text = viewer.get(f"/records/{ada}").text
    assert '<dialog id="consent"' not in text
    assert '<dialog id="unite"' not in text
    for url in ("consent", "unite", "split"):
        answer = viewer.post(f"/records/{ada}/{url}", {"channel": "email", "act": "out", "other": ALAN})
        assert answer.status_code == 403
    assert operator.get(f"/records/{ada}/export").status_code == 403


def test_an_opt_out_is_recorded(operator: Browser, ada: str, site: Site) -> None:
    answer = operator.post(f"/records/{ada}/consent", {"channel": "email", "act": "out", "note": "on the telephone"})
    text = seen(answer)
    assert "Recorded" in text
    assert "Opted out: email" in text
    assert "on the telephone" in text
    assert "operator@example.com" in text
    with site.reading() as store:
        assert store.hubs([ada])[ada].fields["opted_out"] is True
    [entry] = site.accounts.deeds(limit=1)
    assert (entry.action, entry.subject) == ("consent", ada)
    assert "telephone" not in str(entry.detail), "the audit stays when somebody is forgotten"


def test_only_what_is_asked_for_is_taken_for_consent_or_its_end(operator: Browser, ada: str, site: Site) -> None:
    assert operator.post(f"/records/{ada}/consent", {"channel": "email", "act": "perhaps"}).status_code == 422
    with site.reading() as store:
        assert store.hubs([ada])[ada].fields.get("opted_out") is not True


def test_an_opt_in_needs_a_basis_a_note_and_a_yes(operator: Browser, ada: str, site: Site) -> None:
    operator.post(f"/records/{ada}/consent", {"channel": "email", "act": "out"})
    url, given = f"/records/{ada}/consent", {"channel": "email", "act": "in"}
    assert "needs a basis and a note" in seen(operator.post(url, given))
    assert "Nothing is recorded yet" in seen(operator.post(url, {**given, "basis": "consent", "note": "by letter"}))
    with site.reading() as store:
        assert store.hubs([ada])[ada].fields["opted_out"] is True
    assert "Recorded" in seen(operator.post(url, {**given, "basis": "consent", "note": "by letter", "sure": "1"}))
    with site.reading() as store:
        assert store.hubs([ada])[ada].fields["opted_out"] is False


def test_two_are_shown_before_they_are_united_and_can_be_taken_apart(
    operator: Browser, ada: str, indexed: Site
) -> None:
    alan = id_of(indexed, "crm", "2")
    shown = operator.post(f"/records/{ada}/unite", {"other": ALAN})
    assert "Are these two one?" in seen(shown)
    assert "Alan Turing" in seen(shown)
    with indexed.reading() as store:
        assert store.hubs([alan])[alan].merged_into is None
    done = operator.post(f"/records/{ada}/unite", {"other": alan, "sure": "1"})
    assert str(done.url).endswith(ada)
    indexed.finder.turn()
    assert found(operator.get("/records?q=turing").text) == []
    assert "Take the last one apart" in seen(operator.get(f"/records/{ada}"))
    assert "part of another" in seen(operator.get(f"/records/{alan}"))
    assert "Became part of" in seen(operator.get(f"/records/{alan}"))
    operator.post(f"/records/{ada}/split")
    indexed.finder.turn()
    with indexed.reading() as store:
        assert store.hubs([alan])[alan].merged_into is None
    assert found(operator.get("/records?q=turing").text) == ["Alan Turing"]
    assert "cannot be one" in seen(operator.post(f"/records/{ada}/unite", {"other": ada}))


def test_nothing_is_done_while_a_run_is_under_way(operator: Browser, ada: str, indexed: Site) -> None:
    lease = Lease(indexed.engine, "sync", utc_now)
    for url, data in (
        ("consent", {"channel": "email", "act": "out"}),
        ("unite", {"other": ALAN, "sure": "1"}),
        ("split", {}),
    ):
        assert "A run is under way" in seen(operator.post(f"/records/{ada}/{url}", data))
    lease.release()
    with indexed.engine.connect() as c:
        assert c.execute(sa.select(sa.func.count()).where(t.change.c.kind.in_(("consent", "united")))).scalar_one() == 0


def test_all_that_is_held_on_a_person_can_be_taken_along(admin: Browser, ada: str, site: Site) -> None:
    answer = admin.get(f"/records/{ada}/export")
    assert "attachment" in answer.headers["content-disposition"]
    document = json.loads(answer.text)
    assert document["leads"][0]["who"].startswith("Ada Lovelace")
    assert f"smarketing forget {ada}" in admin.get(f"/records/{ada}").text


def test_who_is_forgotten_is_found_no_more(viewer: Browser, ada: str, project: Path, site: Site) -> None:
    site.engine.dispose()
    assert main(["forget", ADA, "--confirm", "--project", str(project), "--json"]) in (0, 1)
    assert found(viewer.get("/records?q=ada").text) == []
    assert viewer.get(f"/records/{ada}").status_code == 404
    with site.engine.connect() as c:
        words = set(c.execute(sa.select(t.search_word.c.word)).scalars())
        text = " ".join(c.execute(sa.select(t.search_record.c.words)).scalars())
    assert not [word for word in words if "lovelace" in word or "ada" in word.split("@")[0]]
    assert "lovelace" not in text
    finding.index(site.engine)
    assert found(viewer.get("/records?q=lovelace").text) == []
