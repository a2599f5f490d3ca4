"""Messages against a real mail server and a real web server: what arrives, what is said when nothing does."""

from __future__ import annotations

from pathlib import Path

from delivery.channels import Outcome, mail_to, send
from tests.delivery.receivers import mail_server, web_server


def test_a_mail_arrives_with_html_text_and_attachment(tmp_path: Path) -> None:
    sheet = tmp_path / "report.csv"
    sheet.write_text("a,b\n1,2\n")
    with mail_server() as (box, server):
        found = send(
            [mail_to(server, "ana@sales.example")], "Überfällig", "plain words", "<p>rich <b>words</b></p>", [sheet]
        )
    assert found == [Outcome("mailto", True)]
    [(to, mail)] = box.mails
    assert to == ["ana@sales.example"]
    assert mail["Subject"] == "Überfällig"
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert "<b>words</b>" in html.get_content()
    assert text is not None
    assert "rich" in text.get_content()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["report.csv"]


def test_a_webhook_gets_title_and_text() -> None:
    with web_server() as (kept, place):
        found = send([f"json://{place}/hook/s3cret"], "Due", "Call Ada")
    assert found == [Outcome("json", True)]
    [(path, body)] = kept.posts
    assert path == "/hook/s3cret"
    assert (body["title"], body["message"]) == ("Due", "Call Ada")


def test_each_channel_is_told_apart_and_no_address_is_repeated() -> None:
    with mail_server() as (box, server), web_server() as (kept, place):
        box.refuse, kept.status = True, 500
        urls = [mail_to(server, "ana@sales.example"), f"json://me:hunter22@{place}/s3cret", "nothing://s3cret", "jsons://127.0.0.1:9/s3cret"]  # fmt: skip
        found = send(urls, "Due", "Call Ada", secrets=["hunter22", "s3cret"])
        kept.status = 200
        found += send([f"json://{place}/"], "Due", "Call Ada")
    assert [(one.channel, one.ok) for one in found] == [
        ("mailto", False), ("json", False), ("nothing", False), ("jsons", False), ("json", True),
    ]  # fmt: skip
    assert all(one.error for one in found if not one.ok)
    assert not any(word in str(found) for word in ("hunter22", "s3cret", "127.0.0.1"))
    assert box.mails == []


def test_slack_and_teams_get_messages_in_their_own_form() -> None:
    """As far as the library goes without the vendor: the addresses are known, and are not shown."""
    import apprise

    for url, secret in (
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "TIiajkdnlazkcOXrIdevi7FQ"),
        ("workflows://prod-01.westus.logic.azure.com:443/9c2a1d/SIGnature1234", "SIGnature1234"),
    ):
        channel = apprise.Apprise.instantiate(url)
        assert channel is not None, url
        assert secret not in channel.url(privacy=True)
