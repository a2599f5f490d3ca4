"""forget: a person goes from every system and from here, and does not come back."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from unittest.mock import patch

import pytest

from connectors.base import Capabilities
from connectors.errors import Unavailable
from connectors.memory_file import MemoryFile
from console import browsing, plans
from console.choice import Choice
from tests.console.conftest import Call
from tests.console.folder import ADA, ADA_IN_CRM, GRACE, MARKETING_SCHEMA, edit, fill, held

EMAIL = "ada@analytical.example"
TRACES = (b"ada@analytical", b"lovelace", b"7946 0001", b"+442079460001", b"chief analyst")


@pytest.fixture
def synced(smarketing: Call) -> Call:
    smarketing("plan")
    smarketing("sync", "--confirm")
    smarketing("sync", "--confirm")
    return smarketing


def traces(project: Path, *but: str) -> list[tuple[str, bytes]]:
    """Where anything of Ada can be read, in any file of the project, as raw bytes."""
    files = [path for path in project.rglob("*") if path.is_file() and path.name not in but]
    return [(path.name, word) for path in files for word in TRACES if word in path.read_bytes().lower()]


def test_it_shows_what_would_go_and_touches_nothing(synced: Call, project: Path) -> None:
    answer = synced("forget", EMAIL, "--json")
    assert answer.exit == 3
    assert {(r["system"], r["id"], r["how"]) for r in answer.json["records"]} == {
        ("marketing", "1", "erased for good"),
        ("crm", "1", "erased for good"),
    }
    assert answer.json["rows"].keys() >= {"hub", "link", "match_key", "change", "write"}
    assert len(answer.json["files"]) == 1  # the plan
    assert "1" in held(project, "crm")
    assert not (project / "erasures").exists()
    assert "There is no way back" in synced("forget", EMAIL).out
    assert synced("explain", EMAIL).exit == 0


def test_nothing_of_the_person_is_left_in_any_file(synced: Call, project: Path) -> None:
    [plan] = (project / "plans").iterdir()
    browsing.index(plans.load(plan.stem, project), plan)  # as the console looks through it
    Choice.change(project, plan.stem, lambda choice: choice.with_writes([0], True))
    assert len(list((project / "plans").iterdir())) == 3
    assert traces(project)
    assert {name for name, _ in traces(project, "marketing.json", "crm.json")} > {"state.sqlite"}
    answer = synced("forget", EMAIL, "--confirm", "--json")
    assert answer.exit == 0
    assert traces(project) == []
    assert synced("explain", EMAIL, "--json").json["error"]["code"] == "no-lead"
    assert list((project / "plans").iterdir()) == []


def test_a_report_that_names_the_person_goes_in_all_its_forms(synced: Call, project: Path) -> None:
    (project / "reports").mkdir()
    for name, text in (
        ("a.html", "<td>Lovelace, ADA@analytical.example</td>"),
        ("a.pdf", "%PDF"),
        ("b.html", "4"),
        ("b.pdf", "4"),
    ):
        (project / "reports" / name).write_text(text)
    synced("forget", EMAIL, "--confirm")
    assert sorted(path.name for path in (project / "reports").iterdir()) == ["b.html", "b.pdf"]


def test_the_person_does_not_come_back(synced: Call, project: Path) -> None:
    synced("forget", EMAIL, "--confirm")
    body = json.loads((project / "marketing.json").read_text())
    body["records"]["77"] = {
        "fields": {**ADA, "email": "ADA@analytical.EXAMPLE"},
        "changed_at": "2026-01-01T00:00:00+00:00",
    }
    body["records"]["1"] = {"fields": {"first": "Ada", "email": "other@example.com"}}  # the id alone is enough
    body["records"]["78"] = {"fields": {"first": "Ada", "phone": "020 7946 0001"}}  # no address: the number counts
    body["records"]["79"] = {"fields": {"email": "colleague@example.com", "phone": "020 7946 0001"}}
    (project / "marketing.json").write_text(json.dumps(body))
    answer = synced("sync", "--full", "--confirm", "--json").json
    assert answer["systems"]["marketing"]["forgotten"] == 3
    assert answer["systems"]["marketing"]["new"] == 1  # a colleague may share the number
    assert {word for _, word in traces(project, "marketing.json", "crm.json")} <= {b"+442079460001"}  # the colleague's
    assert synced("explain", EMAIL).exit == 2
    assert "1" not in held(project, "crm")
    assert "3 records not taken in" in synced("sync", "--full").out


def test_somebody_elses_record_that_takes_the_address_is_not_read(synced: Call, project: Path) -> None:
    synced("forget", EMAIL, "--confirm")
    edit(project, "marketing", "2", email=EMAIL, first="Ada")
    assert synced("sync", "--json").json["systems"]["marketing"]["forgotten"] == 1
    assert traces(project, "marketing.json") == []


def test_lifted_by_a_person_with_a_reason(synced: Call, project: Path) -> None:
    synced("forget", EMAIL, "--confirm")
    fill(project, "marketing", [ADA, GRACE], MARKETING_SCHEMA)
    assert synced("sync", "--full", "--confirm", "--json").json["systems"]["marketing"]["forgotten"] == 1
    assert synced("forget", "--lift", EMAIL).exit == 2
    assert (
        synced("forget", "--lift", "nobody@example.com", "--reason", "x", "--json").json["error"]["code"]
        == "not-forgotten"
    )
    assert synced("forget", "--lift", EMAIL.upper(), "--reason", "signed up again on paper", "--by", "Bea").exit == 0
    assert synced("sync", "--full", "--confirm", "--json").json["systems"]["marketing"]["forgotten"] == 0
    assert synced("explain", EMAIL).exit == 0


def test_the_certificate_says_what_was_done_and_nothing_of_the_person(synced: Call, project: Path) -> None:
    answer = synced("forget", EMAIL, "--confirm", "--by", "Bea", "--json").json
    [erasure] = answer["erasures"]
    [machine] = (project / "erasures").glob("*.json")
    [readable] = (project / "erasures").glob("*.md")
    told = json.loads(machine.read_text())
    assert (told["state"], told["asked_by"], told["rows"]["hub"]) == ("done", "Bea", 1)
    assert {(r["system"], r["id"], r["outcome"]) for r in told["records"]} == {
        ("marketing", "1", "erased"),
        ("crm", "1", "erased"),
    }
    assert all(r["at"] for r in told["records"])
    assert len(told["hashes"]) >= 5
    assert all(len(h) == 64 for h in told["hashes"])
    assert erasure["leads"][0] in readable.read_text()
    for path in (machine, readable):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_key_is_made_once_and_without_it_nothing_runs(synced: Call, project: Path) -> None:
    synced("forget", EMAIL, "--confirm")
    env = project / ".env"
    text = env.read_text()
    assert text.count("SMARKETING_FORGET_KEY=") == 1
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    synced("forget", "grace@navy.example", "--confirm")
    assert env.read_text() == text
    for wrong in ("", "SMARKETING_FORGET_KEY=another\n"):
        env.write_text("".join(line for line in text.splitlines(True) if "FORGET" not in line) + wrong)
        answer = synced("sync", "--json")
        assert (answer.exit, answer.json["error"]["code"]) == (2, "misconfigured")
        assert "would come back" in answer.json["error"]["message"]
        assert synced("forget", "alan@bletchley.example", "--confirm").exit == 2
    assert "2" in held(project, "crm")


def test_a_system_that_is_down_is_told_and_gone_on_with(synced: Call, project: Path) -> None:
    async def down(self: MemoryFile, ids: object) -> None:
        raise Unavailable("ada@analytical.example cannot be erased now", sent=False)

    with patch.object(MemoryFile, "erase", down):
        answer = synced("forget", EMAIL, "--confirm", "--json")
    assert answer.exit == 4
    assert answer.json["erasures"][0]["state"] == "begun"
    assert {r["outcome"] for r in answer.json["erasures"][0]["records"]} == {"waiting"}
    assert traces(project, "marketing.json", "crm.json") == []  # ours is gone all the same
    assert synced("sync", "--full", "--json").json["systems"]["crm"]["forgotten"] == 1
    assert synced("forget", "--resume", "--json").json["erasures"][0]["state"] == "done"
    assert traces(project) == []
    assert synced("forget", "--resume", "--json").json["erasures"] == []


@pytest.mark.parametrize("step", ["erase_ours", "scrub", "carry_out", "certify"])
def test_killed_at_any_step_it_is_finished_by_resume(step: str, synced: Call, project: Path) -> None:
    with patch(f"console.forgetting.{step}", side_effect=KeyboardInterrupt):
        assert synced("forget", EMAIL, "--confirm").exit == 130
    assert synced("sync", "--full", "--confirm").exit in (0, 1)
    answer = synced("forget", "--resume", "--json").json
    assert [erasure["state"] for erasure in answer["erasures"]] == (["done"] if step != "certify" else [])
    [readable] = (project / "erasures").glob("*.md")
    assert "not finished" not in readable.read_text()
    assert traces(project) == []
    assert synced("explain", EMAIL).exit == 2


def test_where_a_system_cannot_erase_the_fields_are_blanked_and_told(synced: Call, project: Path) -> None:
    can = Capabilities(tombstones=True, upsert_keys=frozenset({"*"}), answers_values=True)
    real = MemoryFile.__init__

    def lesser(self: MemoryFile, name: str, *args: object, **more: object) -> None:
        real(self, name, *args, **more)  # type: ignore[arg-type]
        if name == "crm":
            self.can = can

    with patch.object(MemoryFile, "__init__", lesser):
        answer = synced("forget", EMAIL, "--confirm", "--json")
        assert answer.exit == 1
        told = {r["system"]: r for r in answer.json["erasures"][0]["records"]}
        assert (told["marketing"]["outcome"], told["crm"]["outcome"]) == ("erased", "blanked")
        assert "delete the rest there" in told["crm"]["note"]
        assert {v for n, v in held(project, "crm")["1"].items() if n in ADA_IN_CRM} == {None}
        assert synced("sync", "--full", "--confirm", "--json").json["systems"]["crm"]["forgotten"] == 1
    assert traces(project) == []


def test_a_question_that_mentions_the_person_goes_too(smarketing: Call, project: Path) -> None:
    fill(project, "marketing", [ADA, {**ADA, "first": "A."}], MARKETING_SCHEMA)
    smarketing("sync", "--confirm")
    [asked] = [r for r in smarketing("review", "list", "--json").json["reviews"] if r["kind"] in ("duplicate", "match")]
    assert asked
    assert smarketing("forget", EMAIL, "--confirm", "--json").exit == 0
    assert {"1", "2"} & held(project, "marketing").keys() == set()
    assert traces(project) == []


def test_nobody_is_named(smarketing: Call) -> None:
    assert smarketing("forget").exit == 2
    assert smarketing("forget", "nobody@example.com", "--confirm", "--json").json["error"]["code"] == "no-lead"
