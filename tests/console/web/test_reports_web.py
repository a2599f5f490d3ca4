"""Reports and decisions in the console: made by a job, looked at without any danger, downloaded; decided, and carried out."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from console.web.site import Site
from state.decisions import decisions
from tests.console.web.conftest import Browser, seen
from tests.console.web.counting import waited
from tests.console.web.scored_project import asked

TODAY = f"{datetime.now(UTC).date()}"


def test_a_report_is_made_in_every_form(
    operator: Browser, viewer: Browser, site: Site, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No report yet" in seen(viewer.get("/reports"))
    operator.post("/reports", {"kind": "week", "until": TODAY, "language": "pt"})
    assert sorted(waited(site).result["files"]) == [f"week-{TODAY}-pt.{form}" for form in ("html", "json", "md", "pdf")]  # type: ignore[index]
    name = f"week-{TODAY}-pt"
    assert f"/reports/{name}" in viewer.get("/reports").text
    made = json.loads(viewer.get(f"/reports/files/{name}.json").text)
    told = asked(capsys, project, "report", "weekly", "--until", TODAY, "--language", "pt")
    del made["as_of"], told["as_of"]
    assert made == {key: value for key, value in told.items() if key not in ("ok", "exit")}
    pdf = viewer.get(f"/reports/files/{name}.pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-disposition"] == f'attachment; filename="{name}.pdf"'
    assert viewer.get(f"/reports/files/{name}.md").text.startswith("# ")
    assert [deed.action for deed in site.accounts.deeds()][:1] == ["report"]


def test_a_report_that_is_looked_at_can_do_nothing(operator: Browser, viewer: Browser, site: Site) -> None:
    operator.post("/reports", {"kind": "month", "until": TODAY, "language": "en"})
    waited(site)
    page = viewer.get(f"/reports/files/month-{TODAY}.html")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")
    assert policy.endswith("sandbox")
    styles = re.findall(r"<style>(.*?)</style>", page.text, re.S)
    assert [b64encode(sha256(one.encode()).digest()).decode() in policy for one in styles] == [True]
    assert " style=" not in page.text
    frame = viewer.get(f"/reports/month-{TODAY}")
    assert f'src="/reports/files/month-{TODAY}.html"' in frame.text
    assert frame.headers["content-security-policy"].endswith("frame-src 'self'")


@pytest.mark.parametrize(
    "name", ["..%2f.env", "state.sqlite", "..%2fsmarketing.yaml", "linked.html", "none.html", "x.txt"]
)
def test_nothing_else_of_the_folder_is_served(viewer: Browser, project: Path, name: str) -> None:
    (project / "reports").mkdir(exist_ok=True)
    (project / "reports" / "x.txt").write_text("secret")
    (project / "reports" / "linked.html").symlink_to(project / ".env")
    answer = viewer.get(f"/reports/files/{name}")
    assert answer.status_code == 404
    assert "tok-" not in answer.text


def test_only_operators_make_reports_and_decide(viewer: Browser, operator: Browser, site: Site) -> None:
    assert viewer.post("/reports", {"kind": "week"}).status_code == 403
    assert viewer.post("/reports/decisions", {"text": "x"}).status_code == 403
    assert 'action="/reports"' not in viewer.get("/reports").text
    assert operator.post("/reports", {"kind": "year"}).status_code == 422
    assert operator.post("/reports", {"kind": "week", "until": "2999-01-01"}).status_code == 422
    assert operator.post("/reports", {"kind": "week", "language": "xx"}).status_code == 422
    assert site.jobs.all() == []


def test_a_decision_is_noted_asked_for_and_closed(
    operator: Browser, viewer: Browser, site: Site, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"text": "  Call <b>leads</b>  of the fair first ", "who": "Ana", "due": "2026-01-31", "met": "2026-01-20"}
    page = operator.post("/reports/decisions", given)
    [one] = decisions(site.engine)
    assert (one.text, one.who, f"{one.due}", f"{one.met}") == (
        "Call <b>leads</b> of the fair first", "Ana", "2026-01-31", "2026-01-20",
    )  # fmt: skip
    assert one.noted_by == "operator@example.com"
    assert "&lt;b&gt;leads" in page.text
    assert "late" in seen(viewer.get("/reports/decisions"))
    told = asked(capsys, project, "report", "weekly", "--until", TODAY)
    assert "Call <b>leads</b> of the fair first" in json.dumps(told["sections"]["agenda"])
    assert viewer.post(f"/reports/decisions/{one.id}", {"state": "done"}).status_code == 403
    operator.post(f"/reports/decisions/{one.id}", {"state": "done"})
    [closed] = decisions(site.engine)
    assert (closed.state, closed.closed_by) == ("done", "operator@example.com")
    assert operator.post(f"/reports/decisions/{one.id}", {"state": "dropped"}).status_code == 404
    assert operator.post("/reports/decisions", {"text": "  "}).status_code == 422
    assert operator.post("/reports/decisions", {"text": "x", "due": "soon"}).status_code == 422
