"""People, links that work once, sessions, and log-in that is slowed down."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from console.web import throttle
from console.web.account import browser_of
from console.web.page import SESSION
from console.web.signing_in import NO_ADDRESS, first_link
from console.web.site import Site
from state.accounts import Account, Role, made
from state.audit import IN, REFUSED
from tests.console.web.conftest import Browser, seen

PASSWORD = "correct horse battery"
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
OLD = datetime(2026, 1, 1, tzinfo=UTC)


def person(site: Site, name: str, role: Role = "viewer") -> Account:
    account = made(f"{name}@example.com", name.capitalize(), role, OLD, password=HASHED)
    assert site.accounts.add(account)
    return account


def link_on(answer: Response) -> str:
    """The path of the link that a page shows."""
    return re.search(r'id="secret">http://console\.test(/welcome/[^<]+)<', answer.text)[1]  # type: ignore[index]


def from_client(app: FastAPI, address: str) -> Browser:
    browser = Browser(app, None)
    browser.client = TestClient(app, base_url="http://console.test", client=(address, 50000))
    return browser


def try_in(browser: Browser, email: str, password: str = PASSWORD) -> int:
    return browser.post("/sign-in", {"email": email, "password": password}).status_code


def signed_in(app: FastAPI, account: Account) -> Browser:
    browser = Browser(app, None)
    answer = browser.post("/sign-in", {"email": account.email, "password": PASSWORD})
    browser.csrf = re.search(r'name="csrf" value="([^"]+)"', answer.text)[1]  # type: ignore[index]
    return browser


def test_only_an_admin_sees_people(viewer: Browser, operator: Browser, admin: Browser) -> None:
    assert viewer.get("/access").status_code == operator.get("/access").status_code == 403
    assert operator.post("/access/invite", {"email": "x@example.com", "role": "admin"}).status_code == 403
    assert "admin@example.com" in seen(admin.get("/access"))


def test_somebody_is_invited_by_a_link_that_works_once(
    admin: Browser, site: Site, visit: Callable[..., Browser]
) -> None:
    page = admin.post("/access/invite", {"email": "Dan@Example.com", "role": "operator"})
    path, dan = link_on(page), visit()
    assert "shown only now" in seen(page)
    assert path not in admin.get("/access").text
    assert "dan@example.com" in seen(admin.get("/access"))
    assert "readonly" in dan.get(path).text
    assert dan.get(path).status_code == 200, "looking at it does not use it up"
    answer = dan.post(path, {"name": "Dan", "email": "mallory@example.com", "password": PASSWORD})
    assert "Dan" in seen(answer)
    account = site.accounts.by_email("dan@example.com")
    assert account is not None
    assert account.role == "operator"
    assert site.accounts.by_email("mallory@example.com") is None
    assert visit().post(path, {"name": "M", "password": PASSWORD}).status_code == 404
    assert [deed.action for deed in site.accounts.deeds()] == [IN, "account-made", "invited"]


def test_a_link_can_be_withdrawn(admin: Browser, site: Site, stranger: Browser) -> None:
    path = link_on(admin.post("/access/invite", {"email": "dan@example.com", "role": "viewer"}))
    [link] = site.accounts.links(datetime.now(UTC))
    admin.post(f"/access/links/{link.mark}/withdraw")
    assert stranger.get(path).status_code == 404
    assert admin.post(f"/access/links/{link.mark}/withdraw").status_code == 404


def test_nobody_is_invited_twice_nor_without_an_address(admin: Browser, site: Site) -> None:
    person(site, "ana")
    assert "has an account already" in seen(
        admin.post("/access/invite", {"email": "ana@example.com", "role": "viewer"})
    )
    assert admin.post("/access/invite", {"email": "ana", "role": "viewer"}).status_code == 422
    assert site.accounts.links(datetime.now(UTC)) == []


def test_a_role_is_changed_and_counts_at_once(admin: Browser, viewer: Browser, site: Site) -> None:
    account = site.accounts.by_email("viewer@example.com")
    assert account is not None
    assert viewer.get("/access").status_code == 403
    assert "now has the role" in seen(admin.post(f"/access/people/{account.id}/role", {"role": "admin"}))
    assert viewer.get("/access").status_code == 200
    [deed] = site.accounts.deeds(action="role-changed")
    assert (deed.who, deed.subject, deed.detail) == (
        "admin@example.com", account.email, {"old": "viewer", "role": "admin"},
    )  # fmt: skip
    assert admin.post(f"/access/people/{account.id}/role", {"role": "owner"}).status_code == 422
    assert admin.post("/access/people/nobody/role", {"role": "viewer"}).status_code == 404


def test_the_last_admin_cannot_be_locked_out(admin: Browser, site: Site) -> None:
    [me] = [one for one in site.accounts.all() if one.role == "admin"]
    for url, data in ((f"/access/people/{me.id}/role", {"role": "viewer"}), (f"/access/people/{me.id}/disable", {})):
        assert "is the only admin" in seen(admin.post(url, data))
    assert site.accounts.by_id(me.id) == me
    other = person(site, "bea", "admin")
    assert "is disabled and signed out" in seen(admin.post(f"/access/people/{other.id}/disable"))
    assert "is the only admin" in seen(admin.post(f"/access/people/{me.id}/disable"))


def test_who_is_disabled_is_out_until_enabled(admin: Browser, app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    hers = signed_in(app, ana)
    assert hers.get("/").status_code == 200
    admin.post(f"/access/people/{ana.id}/disable")
    assert "Sign in" in seen(hers.get("/"))
    assert try_in(Browser(app, None), ana.email) == 401
    admin.post(f"/access/people/{ana.id}/enable")
    assert "Sign in" in seen(hers.get("/")), "the old session does not come back"
    assert try_in(Browser(app, None), ana.email) == 200


def test_a_link_for_a_new_password(admin: Browser, app: FastAPI, site: Site, stranger: Browser) -> None:
    ana = person(site, "ana", "operator")
    hers = signed_in(app, ana)
    page = admin.post(f"/access/people/{ana.id}/password")
    path = link_on(page)
    assert "Choose a new password" in seen(stranger.get(path))
    assert stranger.post(path, {"password": "short"}).status_code == 422
    assert "Ana" in seen(stranger.post(path, {"password": "another horse battery"}))
    assert "Sign in" in seen(hers.get("/")), "signed out everywhere else"
    assert try_in(Browser(app, None), ana.email) == 401
    assert try_in(Browser(app, None), ana.email, "another horse battery") == 200
    account = site.accounts.by_id(ana.id)
    assert account is not None
    assert (account.role, account.name) == ("operator", "Ana")
    assert Browser(app, None).get(path).status_code == 404


def test_an_invitation_opens_no_account_that_came_after_it(admin: Browser, site: Site, stranger: Browser) -> None:
    path = link_on(admin.post("/access/invite", {"email": "dan@example.com", "role": "admin"}))
    assert site.accounts.add(made("dan@example.com", "Dan", "viewer", datetime.now(UTC)))
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, {"name": "M", "password": PASSWORD}).status_code == 404


def test_an_address_that_is_told_for_people(admin: Browser, site: Site) -> None:
    main = site.folder / "smarketing.yaml"
    main.write_text(main.read_text("utf-8") + "console: {url: https://sync.example.com}\n", "utf-8")
    page = admin.post("/access/invite", {"email": "dan@example.com", "role": "viewer"})
    assert "https://sync.example.com/welcome/" in page.text


def test_no_other_first_link_works_once_there_is_an_admin(site: Site, visit: Callable[..., Browser]) -> None:
    earlier, later = first_link(site.accounts, ""), first_link(site.accounts, "")
    assert visit().get(earlier).status_code == 200
    assert visit().post(later, {"name": "A", "email": "a@x.example", "password": PASSWORD}).status_code == 200
    assert visit().get(earlier).status_code == 404
    assert visit().post(earlier, {"name": "M", "email": "m@x.example", "password": PASSWORD}).status_code == 404
    assert [account.email for account in site.accounts.all()] == ["a@x.example"]


# --- one's own account ---------------------------------------------------------------------------------------------


def test_ones_own_name_and_language(viewer: Browser, site: Site) -> None:
    page = viewer.post("/account", {"name": " Ana Lima ", "language": "pt"})
    assert 'lang="pt"' in page.text
    assert "Ana Lima" in seen(page)
    assert viewer.post("/account", {"name": " ", "language": "pt"}).status_code == 422
    account = site.accounts.by_email("viewer@example.com")
    assert account is not None
    assert (account.name, account.language) == ("Ana Lima", "pt")


def test_ones_own_password_takes_the_old_one(app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    here, there = signed_in(app, ana), signed_in(app, ana)
    wrong = here.post("/account/password", {"old": "wrong", "new": "another horse battery"})
    assert (wrong.status_code, "not your password" in seen(wrong)) == (401, True)
    assert here.post("/account/password", {"old": PASSWORD, "new": "short"}).status_code == 422
    before = here.client.cookies[SESSION]
    page = here.post("/account/password", {"old": PASSWORD, "new": "another horse battery"})
    assert "The password is changed" in seen(page)
    assert here.client.cookies[SESSION] != before
    assert "Sign in" in seen(there.get("/"))
    assert try_in(Browser(app, None), ana.email, "another horse battery") == 200


def test_the_others_sessions_are_signed_out(app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    here, there = signed_in(app, ana), signed_in(app, ana)
    assert len(re.findall(r"testclient", here.get("/account").text)) == 2
    assert "One other session is signed out" in seen(here.post("/account/sessions/end"))
    assert here.get("/account").status_code == 200
    assert "Sign in" in seen(there.get("/"))


# --- sessions ------------------------------------------------------------------------------------------------------


def test_a_log_in_has_a_new_key_and_ends_the_old_one(app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    browser = signed_in(app, ana)
    old = browser.client.cookies[SESSION]
    assert try_in(browser, ana.email) == 200
    assert browser.client.cookies[SESSION] != old
    assert site.accounts.session(old, datetime.now(UTC)) is None


def test_the_flags_of_the_cookie(app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    for scheme in ("http", "https"):
        client = TestClient(app, base_url=f"{scheme}://console.test", follow_redirects=False)
        answer = client.post("/sign-in", data={"email": ana.email, "password": PASSWORD})
        [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION)]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert ("Secure" in cookie) == (scheme == "https")


def test_a_session_that_was_idle_is_over(site: Site, app: FastAPI) -> None:
    ana, now = person(site, "ana"), datetime.now(UTC)
    browser = Browser(app, None)
    for hours, open_ in ((11, True), (13, False)):
        key = f"key-{hours}"
        site.accounts.begin(ana.id, key, "csrf", now - timedelta(hours=hours), now + timedelta(days=1), "")
        browser.client.cookies.set(SESSION, key)
        assert ("Sign in" not in seen(browser.get("/"))) == open_


def test_no_form_on_another_site_signs_anybody_in(app: FastAPI, site: Site, stranger: Browser) -> None:
    ana = person(site, "ana")
    answer = stranger.post(
        "/sign-in", {"email": ana.email, "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert SESSION not in stranger.client.cookies


# --- slowed down ---------------------------------------------------------------------------------------------------


def test_after_some_failures_there_is_a_wait(app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    browser = from_client(app, "192.0.2.1")
    assert [try_in(browser, ana.email, "wrong") for _ in range(6)] == [401] * 5 + [429]
    answer = browser.post("/sign-in", {"email": ana.email, "password": PASSWORD})
    assert answer.status_code == 429, "the right password does not help either: it would tell"
    assert 0 < int(answer.headers["retry-after"]) <= 11
    assert re.search(r"Try again in \d+ seconds, at \d\d:\d\d:\d\d", seen(answer))


def test_many_tries_at_once_are_counted_one_by_one(app: FastAPI, site: Site) -> None:
    ana = person(site, "ana")
    browsers = [from_client(app, "192.0.2.1") for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda browser: try_in(browser, ana.email, "wrong"), browsers))
    assert sorted(statuses) == [401] * 5 + [429] * 11
    assert len(site.accounts.deeds(action=REFUSED)) == 5


def test_the_wait_says_nothing_of_who_has_an_account(app: FastAPI, site: Site) -> None:
    person(site, "ana")
    answers = {}
    for name in ("ana@example.com", "nobody@example.com"):
        browser = from_client(app, "192.0.2.1")
        answers[name] = [browser.post("/sign-in", {"email": name, "password": "wrong"}) for _ in range(7)]
    ana, nobody = ([(one.status_code, seen(one)) for one in answer] for answer in answers.values())
    assert [status for status, _ in ana] == [status for status, _ in nobody]
    assert ana[0][1] == nobody[0][1]


def test_another_person_beside_is_not_kept_waiting(app: FastAPI, site: Site) -> None:
    ana, bea = person(site, "ana"), person(site, "bea")
    beside = from_client(app, "192.0.2.1")
    for _ in range(6):
        try_in(beside, ana.email, "wrong")
    assert try_in(beside, bea.email) == 200


def test_who_hammers_from_elsewhere_does_not_keep_the_owner_out(app: FastAPI, site: Site) -> None:
    ana, now = person(site, "ana"), datetime.now(UTC)
    home = from_client(app, "192.0.2.1")
    assert try_in(home, ana.email) == 200
    for number in range(throttle.FREE_ADDRESS + 5):
        site.accounts.note(now, ana.email, REFUSED, f"198.51.100.{number}")
    assert try_in(from_client(app, "203.0.113.9"), ana.email) == 429
    assert try_in(home, ana.email) == 200


def test_a_client_that_tries_many_addresses_waits(app: FastAPI, site: Site) -> None:
    now = datetime.now(UTC)
    person(site, "ana")
    for number in range(throttle.FREE_CLIENT):
        site.accounts.note(now, f"somebody{number}@example.com", REFUSED, "192.0.2.1")
    assert try_in(from_client(app, "192.0.2.1"), "ana@example.com") == 429
    assert try_in(from_client(app, "192.0.2.2"), "ana@example.com") == 200


def test_what_is_no_address_is_not_written_down(stranger: Browser, site: Site) -> None:
    assert try_in(stranger, PASSWORD, "ana@example.com") == 401
    [deed] = site.accounts.deeds()
    assert deed.who == NO_ADDRESS
    assert PASSWORD not in str(deed)


@pytest.mark.parametrize(("failures", "seconds"), [(4, 0), (5, 10), (6, 20), (8, 80), (11, 640), (12, 900), (60, 900)])
def test_the_wait_grows(site: Site, failures: int, seconds: int) -> None:
    now = datetime.now(UTC)
    for _ in range(failures):
        site.accounts.note(now, "ana@example.com", REFUSED, "192.0.2.1")
    assert throttle.wait(site.accounts, "ana@example.com", "192.0.2.1", now) == timedelta(seconds=seconds)
    later = now + timedelta(seconds=seconds)
    assert throttle.wait(site.accounts, "ana@example.com", "192.0.2.1", later) == timedelta()
    assert throttle.wait(site.accounts, "ana@example.com", "192.0.2.1", now + timedelta(hours=2)) == timedelta()


def test_a_second_process_counts_the_same_failures(app: FastAPI, site: Site) -> None:
    from console.web.app import create_app

    ana = person(site, "ana")
    first = from_client(app, "192.0.2.1")
    for _ in range(5):
        try_in(first, ana.email, "wrong")
    other = create_app(site.folder)
    try:
        assert try_in(from_client(other, "192.0.2.1"), ana.email) == 429
    finally:
        other.state.site.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)  # fmt: skip
def test_what_counts_as_one_client(app: FastAPI, site: Site, given: str, told: str) -> None:
    try_in(from_client(app, given), "nobody@example.com", "wrong")
    assert [deed.subject for deed in site.accounts.deeds(action=REFUSED)] == [told]


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome · Android"),
        ("curl/8.10.1", "curl/8.10.1"),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_words(agent: str, said: str) -> None:
    assert browser_of(agent) == said
