"""The folder: what may be read of it, and what it is said to hold."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.base import ACTIVITY_FIELDS, RemoteField
from connectors.errors import Misconfigured
from connectors.file import Files, Settings
from connectors.registry import connect
from tests.connectors.file.place import Place, names, problems

HEAD = "Id,Email,Name\n"
ADA = "1,ada@example.com,Ada\n"
BOB = "2,bob@example.com,Bob\n"


@pytest.mark.parametrize(
    "pattern", ["../*.csv", "/etc/*.csv", "a/../../b.csv", "**/*.csv", "..", "", "a\\..\\b.csv", "."]
)
def test_a_pattern_that_leads_out_of_the_folder_is_refused(place: Place, pattern: str) -> None:
    place.lead["files"] = pattern
    with pytest.raises(ValidationError):
        place.leads()


async def test_a_link_out_of_the_folder_is_refused_and_told_once(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(HEAD + BOB)
    (place.folder / "link.csv").symlink_to(secret)
    (place.folder / "up.csv").symlink_to("../secret.csv")
    records = await place.one(HEAD + ADA)
    assert names(records) == {"1": "Ada"}
    assert problems(records) == {
        name: f"{name} is not read. It is a link out of {place.folder}. Put the file itself there."
        for name in ("link.csv", "up.csv")
    }
    assert await place.read() == []
    assert "2 refused" in (await place.leads().check()).detail


async def test_a_linked_folder_is_refused(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "leads.csv").write_text(HEAD + BOB)
    (place.folder / "in").symlink_to(tmp_path / "elsewhere")
    place.lead["files"] = "in/*.csv"
    assert list(problems(await place.read())) == ["in/leads.csv"]


async def test_a_link_that_leads_nowhere_is_refused(place: Place) -> None:
    (place.folder / "gone.csv").symlink_to("no-such-file.csv")
    (place.folder / "circle.csv").symlink_to("circle.csv")
    assert list(problems(await place.read())) == ["circle.csv", "gone.csv"]


async def test_a_link_within_the_folder_is_a_file(place: Place) -> None:
    place.put("2026/leads.csv", HEAD + ADA)
    (place.folder / "latest.csv").symlink_to("2026/leads.csv")
    assert names(await place.read()) == {"1": "Ada"}


async def test_the_folder_itself_may_be_a_link(place: Place, tmp_path: Path) -> None:
    place.put("leads.csv", HEAD + ADA)
    (tmp_path / "linked").symlink_to(place.folder)
    place.folder = tmp_path / "linked"
    assert names(await place.read()) == {"1": "Ada"}


async def test_a_pipe_a_folder_and_a_hidden_file_are_not_read(place: Place) -> None:
    os.mkfifo(place.folder / "pipe.csv")
    (place.folder / "folder.csv").mkdir()
    place.put(".leads.csv", HEAD + BOB)
    place.put(".hidden/leads.csv", HEAD + BOB)
    place.lead["files"] = "*/*.csv"
    assert await place.read() == []
    place.lead["files"] = "*.csv"
    assert names(await place.one(HEAD + ADA)) == {"1": "Ada"}


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no such name")
async def test_a_name_that_is_no_text_is_told(place: Place) -> None:
    place.put(os.fsdecode(b"caf\xe9.csv"), HEAD + BOB)
    records = await place.one(HEAD + ADA)
    assert names(records) == {"1": "Ada"}
    assert list(problems(records)) == ["caf\\udce9.csv"]


@pytest.mark.parametrize("made", [False, True])
async def test_a_folder_that_is_not_there_stops_the_run(place: Place, made: bool) -> None:
    place.folder = place.folder / "no-such-folder"
    if made:
        place.folder.write_text("a file")
    for call in (place.leads().check, place.leads().schema, place.read):
        with pytest.raises(Misconfigured) as caught:
            await call()
        assert str(place.folder) in caught.value.message
        assert caught.value.hint


async def test_check_counts_the_files_of_each_kind(place: Place) -> None:
    place.put("leads.csv", HEAD)
    settings = {"folder": place.folder, "lead": place.lead, "activity": {"sale": place.sale | {"files": "sales/*"}}}
    account = await Files("inbox", Settings.model_validate(settings)).check()
    assert (account.id, account.name) == (str(place.folder.resolve()), "inbox")
    assert account.detail == "lead: 1 files; activity sale: 0 files"


async def test_the_schema_is_what_the_files_call_their_columns(place: Place) -> None:
    place.lead |= {
        "files": "*",
        "columns": {"email": "E-Mail"},
        "constants": {"source": "fair"},
        "numbers": "Staff",
        "dates": "Met",
        "refers": {"Firm": "company"},
    }
    place.put("a.csv", "\ufeffId;E-Mail;Staff;Met;\n")
    place.put("b.jsonl", '{"Id": 1, "Firm": "7"}\n{"Nick": "x"}\nbad\n')
    fields = {field.name: field for field in await place.leads().schema()}
    assert fields == {
        "Id": RemoteField("Id", "Id", "string", writable=False),
        "email": RemoteField("email", "E-Mail", "string", writable=False),
        "Staff": RemoteField("Staff", "Staff", "number", writable=False),
        "Met": RemoteField("Met", "Met", "datetime", writable=False),
        "source": RemoteField("source", "source", "string", writable=False),
        "Firm": RemoteField("Firm", "Firm", "reference", writable=False, refers="company"),
        "Nick": RemoteField("Nick", "Nick", "string", writable=False),
    }
    assert [field.name for field in await place.sales().schema()] == list(ACTIVITY_FIELDS)


async def test_numbers_dates_references_and_constants_of_a_record(place: Place) -> None:
    place.lead |= {
        "numbers": ["Staff"],
        "decimal": ",",
        "dates": ["Born", "Met"],
        "date_formats": ["%d.%m.%Y", "%d.%m.%Y %H:%M"],
        "time_zone": "Europe/Paris",
        "refers": {"Firm": "company"},
        "constants": {"source": "fair"},
        "time": "Met",
    }
    fields = ["Staff", "Born", "Met", "Firm", "source", "Absent"]
    body = "Id;Staff;Born;Met;Firm\n1;1.250;24.12.1980;01.03.2026 10:00; 7 \n2;;;;\n"
    one, two = await place.one(body, fields=fields)
    assert one.fields == {
        "Staff": 1250,
        "Born": "1980-12-24",
        "Met": "2026-03-01T09:00:00+00:00",
        "Firm": "7",
        "source": "fair",
    }
    assert one.changed_at is not None
    assert one.changed_at.isoformat() == "2026-03-01T09:00:00+00:00"
    assert two.fields == {"Staff": None, "Born": None, "Met": None, "Firm": None, "source": "fair"}
    assert two.changed_at is not None
    assert two.changed_at.timestamp() == place.clock().timestamp() - 3600, "when the file changed"


async def test_a_field_cannot_be_provisioned(place: Place) -> None:
    place.put("leads.csv", HEAD)
    connector = place.leads()
    assert await connector.provision([RemoteField("Email", "Email", "string")]) == []
    with pytest.raises(Misconfigured, match="no column Score"):
        await connector.provision([RemoteField("Score", "Score", "number")])


async def test_a_system_has_the_kinds_that_its_settings_name(place: Place) -> None:
    place.put("firms.csv", "Id,Name\n1,Acme\n")
    place.put("leads.csv", HEAD + ADA)
    settings = {
        "folder": str(place.folder),
        "company": {"files": "firms.csv", "id": "Id"},
        "lead": {"files": "leads.csv", "id": "Id"},
    }
    connector = connect("inbox", "file", settings, clock=place.clock)
    assert connector.kind == "lead"
    assert connector.kinds == {"company", "lead"}
    firms = connector.of("company")
    assert firms is connector.of("company")
    assert connector.of("lead") is connector is firms.of("lead")
    assert [record.fields async for page in firms.read(["Name"]) for record in page.records] == [{"Name": "Acme"}]
    assert connector.budget().calls == firms.budget().calls == 1
    with pytest.raises(Misconfigured, match="no records of kind deal"):
        connector.of("deal")


@pytest.mark.parametrize("settings", [{}, {"lead": {"files": "*.csv"}}, {"lead": {"files": "*.csv", "id": []}}])
def test_a_folder_says_what_it_holds_and_what_tells_records_apart(place: Place, settings: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        connect("inbox", "file", {"folder": str(place.folder), **settings})
