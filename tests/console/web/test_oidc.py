"""Signing in by an identity provider, a real one on this machine: who comes in, as whom, and who does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from console.web import oidc
from console.web.page import SESSION
from console.web.site import Site
from mapping.loader import load_project
from mapping.problems import ConfigErrors
from state.accounts import Account, Role, made
from tests.connectors.identity import CLIENT, SECRET, Identity, running
from tests.console.web.conftest import Browser, seen

OLD = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = "roles: {admin: [it], operator: [marketing-ops], viewer: [sales]}"


@pytest.fixture(scope="module")
def shared() -> Iterator[Identity]:
    with running() as identity:
        yield identity


@pytest.fixture
def identity(shared: Identity) -> Identity:
    oidc._made.cache_clear()
    shared.reset()
    shared.person = {"sub": "1", "email": "Ada@example.com", "email_verified": True, "name": "Ada", "groups": ["sales"]}
    return shared


@pytest.fixture
def configured(identity: Identity, project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    before = (project / "smarketing.yaml").read_text("utf-8")

    def configure(*lines: str) -> None:
        keys = [f"issuer: {identity.url}", f"client_id: {CLIENT}", "client_secret: ${OIDC_SECRET}", *lines]
        text = "".join(f"    {line}\n" for line in keys)
        (project / "smarketing.yaml").write_text(f"{before}\nconsole:\n  oidc:\n{text}", "utf-8")

    configure("otherwise: viewer")
    return configure


def there_and_back(browser: Browser, next: str = "/") -> httpx.Response:
    """As a browser goes: to us, to the provider, and back."""
    to_provider = browser.client.get(f"/sign-in/oidc?next={next}", follow_redirects=False)
    assert to_provider.status_code == 303, seen(to_provider)
    back = httpx.get(to_provider.headers["location"], trust_env=False).headers["location"]
    assert back.startswith("http://console.test/sign-in/oidc/back?")
    return browser.get(back)


def comes_in(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and "Sign out" in seen(answer)


def account_of(site: Site, email: str = "ada@example.com") -> Account:
    account = site.accounts.by_email(email)
    assert account is not None
    return account


def test_without_configuration_there_is_no_such_door(stranger: Browser) -> None:
    assert "/sign-in/oidc" not in stranger.get("/sign-in").text
    for path in ("/sign-in/oidc", "/sign-in/oidc/back?code=1&state=2"):
        assert stranger.get(path).status_code == 404


def test_the_page_offers_it(configured: Callable[..., None], stranger: Browser) -> None:
    configured("name: Acme login")
    page = stranger.get("/sign-in?next=/account")
    assert "Sign in with Acme login" in seen(page)
    assert "/sign-in/oidc?next=/account" in page.text


def test_somebody_new_gets_an_account(configured: Callable[..., None], stranger: Browser, site: Site) -> None:
    answer = there_and_back(stranger, "/account")
    assert comes_in(answer)
    assert answer.url.path == "/account"
    account = account_of(site)
    assert (account.name, account.role, account.password) == ("Ada", "viewer", None)
    assert [(deed.action, deed.detail.get("by")) for deed in site.accounts.deeds()] == [
        ("sign-in", "oidc"), ("account-made", "oidc"),
    ]  # fmt: skip
    assert "You have no password here" in seen(stranger.get("/account"))


def test_the_second_time_it_is_the_same_account(
    configured: Callable[..., None], identity: Identity, visit: Callable[[], Browser], site: Site
) -> None:
    assert comes_in(there_and_back(visit()))
    identity.person |= {"email": "ada@married.example", "name": "Countess"}
    assert comes_in(there_and_back(visit()))
    assert [one.email for one in site.accounts.all()] == ["ada@example.com"]
    assert identity.asked.count("about") == identity.asked.count("keys") == 1, "what it says of itself is remembered"


def test_an_account_is_matched_by_its_verified_address(
    configured: Callable[..., None], stranger: Browser, site: Site
) -> None:
    assert site.accounts.add(made("ada@example.com", "Ada L.", "operator", OLD, password="hash"))
    assert comes_in(there_and_back(stranger))
    account = account_of(site)
    assert (account.name, account.role, account.password) == ("Ada L.", "operator", "hash")
    assert [deed.action for deed in site.accounts.deeds()] == ["sign-in", "account-linked"]


@pytest.mark.parametrize("verified", [False, None, "no"])
def test_an_address_that_is_not_verified_is_nobody(
    configured: Callable[..., None], identity: Identity, stranger: Browser, site: Site, verified: Any
) -> None:
    assert site.accounts.add(made("ada@example.com", "Ada", "admin", OLD))
    identity.person["email_verified"] = verified
    answer = there_and_back(stranger)
    assert (answer.status_code, "has not verified" in seen(answer)) == (403, True)
    assert account_of(site).subject is None
    configured("otherwise: viewer", "trust_addresses: true")
    assert comes_in(there_and_back(stranger))


def test_an_address_of_somebody_else_at_the_provider(
    configured: Callable[..., None], identity: Identity, visit: Callable[[], Browser]
) -> None:
    assert comes_in(there_and_back(visit()))
    identity.person["sub"] = "2"
    answer = there_and_back(visit())
    assert (answer.status_code, "belongs to another person" in seen(answer)) == (403, True)


def test_who_was_not_invited_stays_out(configured: Callable[..., None], stranger: Browser, site: Site) -> None:
    configured()
    answer = there_and_back(stranger)
    assert (answer.status_code, "has no account here" in seen(answer)) == (403, True)
    assert site.accounts.all() == []
    assert site.accounts.add(made("ada@example.com", "Ada", "viewer", OLD))
    assert comes_in(there_and_back(stranger))


def test_who_is_disabled_stays_out(
    configured: Callable[..., None], visit: Callable[[], Browser], admin: Browser, site: Site
) -> None:
    browser = visit()
    assert comes_in(there_and_back(browser))
    admin.post(f"/access/people/{account_of(site).id}/disable")
    for one in (browser, visit()):
        answer = there_and_back(one)
        assert (answer.status_code, "account is disabled" in seen(answer)) == (403, True)
    assert account_of(site).disabled_at is not None


def test_a_disabled_account_is_not_joined_either(
    configured: Callable[..., None], stranger: Browser, site: Site
) -> None:
    assert site.accounts.add(made("ada@example.com", "Ada", "viewer", OLD, disabled_at=OLD))
    assert there_and_back(stranger).status_code == 403
    assert account_of(site).subject is None


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["sales"], "viewer"), (["sales", "marketing-ops"], "operator"), ("it", "admin"), (["it", "sales"], "admin")],
)
def test_groups_give_the_role(
    configured: Callable[..., None], identity: Identity, stranger: Browser, site: Site, groups: Any, role: Role
) -> None:
    configured(GROUPS)
    identity.person["groups"] = groups
    assert comes_in(there_and_back(stranger))
    assert account_of(site).role == role


def test_groups_decide_at_every_log_in(
    configured: Callable[..., None], identity: Identity, visit: Callable[[], Browser], site: Site, admin: Browser
) -> None:
    configured(GROUPS)
    for groups, role in ((["sales"], "viewer"), (["it"], "admin"), (["marketing-ops"], "operator")):
        identity.person["groups"] = groups
        assert comes_in(there_and_back(visit()))
        assert account_of(site).role == role
    for groups in ([], ["others"], None, {"it": True}, 7):
        identity.person["groups"] = groups
        answer = there_and_back(visit())
        assert (answer.status_code, "no group of yours" in seen(answer)) == (403, True)
    configured(GROUPS, "otherwise: viewer")
    assert comes_in(there_and_back(visit()))
    assert account_of(site).role == "viewer"


def test_groups_never_take_the_last_admin_away(
    configured: Callable[..., None], identity: Identity, stranger: Browser, site: Site
) -> None:
    configured(GROUPS)
    assert site.accounts.add(made("ada@example.com", "Ada", "admin", OLD))
    assert comes_in(there_and_back(stranger))
    assert account_of(site).role == "admin"
    assert site.accounts.deeds(action="role-kept")


def test_what_only_the_user_info_says(
    configured: Callable[..., None], identity: Identity, visit: Callable[[], Browser], site: Site
) -> None:
    configured(GROUPS, "scopes: [openid, email, groups]")
    identity.inside = ("name",)
    assert comes_in(there_and_back(visit()))
    assert account_of(site).role == "viewer"
    assert "me" in identity.asked
    identity.info_of = "somebody else"
    assert "tells of somebody else" in seen(there_and_back(visit()))


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic"], []])
def test_how_the_secret_is_sent(
    configured: Callable[..., None], identity: Identity, stranger: Browser, methods: list[str]
) -> None:
    identity.methods = methods or ["client_secret_basic", "private_key_jwt"]
    assert comes_in(there_and_back(stranger))


def test_new_keys_are_fetched(
    configured: Callable[..., None], identity: Identity, visit: Callable[[], Browser]
) -> None:
    assert comes_in(there_and_back(visit()))
    identity.rotate()
    assert comes_in(there_and_back(visit()))
    assert identity.asked.count("keys") == 2


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"nonce": "another"}, "(nonce)"), ({"nonce": None}, "(nonce)"), ({"aud": "somebody else"}, "(aud)"),
        ({"aud": ["smarketing", "b"], "azp": "b"}, "(azp)"), ({"iss": "http://127.0.0.1:1"}, "(iss)"),
        ({"exp": 1}, "(exp)"), ({"exp": None}, "(exp)"), ({"iat": None}, "(iat)"), ({"sub": None}, "(sub)"),
        ({"sub": ""}, "names nobody"), ({"key": "others"}, "not signed by a key of its own"),
        ({"alg": "none"}, "not signed by a key of its own"), ({"alg": "HS256"}, "not signed by a key of its own"),
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_that_proves_nobody(
    configured: Callable[..., None], identity: Identity, stranger: Browser, site: Site, spoil: dict[str, Any], why: str
) -> None:
    identity.spoil = spoil
    told = seen(there_and_back(stranger))
    assert "did not let you in" in told
    assert why in told
    assert SESSION not in stranger.client.cookies
    assert site.accounts.all() == []


def test_a_log_in_ends_in_the_browser_that_began_it(
    configured: Callable[..., None], visit: Callable[[], Browser], site: Site
) -> None:
    mine, other = visit(), visit()
    to_provider = mine.client.get("/sign-in/oidc", follow_redirects=False).headers["location"]
    back = httpx.get(to_provider, trust_env=False).headers["location"]
    assert other.get(back).status_code == 403
    other.client.get("/sign-in/oidc", follow_redirects=False)
    assert other.get(back).status_code == 403, "its own state is another"
    assert comes_in(mine.get(back))
    assert mine.get(back).status_code == 403, "only once"
    assert len(site.accounts.all()) == 1


def test_a_code_is_worth_nothing_without_its_verifier(
    configured: Callable[..., None], visit: Callable[[], Browser], site: Site
) -> None:
    thief, victim = visit(), visit()
    begun = [one.client.get("/sign-in/oidc", follow_redirects=False).headers["location"] for one in (thief, victim)]
    code = parse_qs(urlsplit(httpx.get(begun[1], trust_env=False).headers["location"]).query)["code"][0]
    state = parse_qs(urlsplit(begun[0]).query)["state"][0]
    assert "invalid_grant" in seen(thief.get(f"/sign-in/oidc/back?code={code}&state={state}"))
    assert site.accounts.all() == []


def test_another_providers_answer(configured: Callable[..., None], stranger: Browser) -> None:
    url = stranger.client.get("/sign-in/oidc", follow_redirects=False).headers["location"]
    state = parse_qs(urlsplit(url).query)["state"][0]
    assert stranger.get(f"/sign-in/oidc/back?code=1&state={state}&iss=https://evil.example").status_code == 403


def test_what_the_provider_says_no_with(
    configured: Callable[..., None], identity: Identity, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity.refuse = {"error": "access_denied", "error_description": "Ask <b>IT</b>"}
    answer = there_and_back(stranger)
    assert "did not let you in: Ask <b>IT</b>" in seen(answer)
    assert "<b>IT" not in answer.text
    identity.refuse = {}
    monkeypatch.setenv("OIDC_SECRET", "wrong-secret-4711")
    answer = there_and_back(stranger)
    assert "bad secret ***" in seen(answer)
    assert "4711" not in answer.text


def test_a_provider_that_is_not_there(
    configured: Callable[..., None], identity: Identity, stranger: Browser, project: Path
) -> None:
    file = project / "smarketing.yaml"
    file.write_text(file.read_text("utf-8").replace(identity.url, "http://127.0.0.1:9"), "utf-8")
    assert "could not be reached" in seen(stranger.get("/sign-in/oidc"))
    file.write_text(file.read_text("utf-8").replace("http://127.0.0.1:9", f"{identity.url}/keys"), "utf-8")
    assert "did not let you in" in seen(stranger.get("/sign-in/oidc"))


def test_it_comes_back_to_no_other_site(configured: Callable[..., None], stranger: Browser) -> None:
    assert there_and_back(stranger, "//evil.example").url.host == "console.test"


def test_the_cookie_of_a_log_in_under_way(configured: Callable[..., None], app: FastAPI) -> None:
    browser = Browser(app, None)
    answer = browser.client.get("/sign-in/oidc", follow_redirects=False)
    [cookie] = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/sign-in/oidc" in cookie
    assert SECRET not in cookie
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["redirect_uri"] == ["http://console.test/sign-in/oidc/back"]
    assert query["code_challenge_method"] == ["S256"]
    verifier = re.search(r"verifier%22%3A%20%22([\w-]+)", cookie)[1]  # type: ignore[index]
    assert verifier not in answer.headers["location"]


def test_a_session_of_theirs_is_like_any_other(configured: Callable[..., None], stranger: Browser, site: Site) -> None:
    there_and_back(stranger)
    key = stranger.client.cookies[SESSION]
    assert site.accounts.session(key, datetime.now(UTC) + timedelta(days=13)) is not None
    assert site.accounts.session(key, datetime.now(UTC) + timedelta(days=15)) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("issuer: http://login.example.com\n    client_id: a", "https"),
        ("issuer: http://localhost.evil.example\n    client_id: a", "https"),
        ("issuer: https://x\n    client_id: a\n    client_secret: hunter2-typed", "a secret stands in the file"),
        ("issuer: https://x\n    client_id: a\n    scopes: [email]", "openid"),
    ],
)
def test_a_configuration_that_is_wrong(project: Path, lines: str, said: str) -> None:
    file = project / "smarketing.yaml"
    file.write_text(f"{file.read_text('utf-8')}\nconsole:\n  oidc:\n    {lines}\n", "utf-8")
    with pytest.raises(ConfigErrors, match=said) as caught:
        load_project(project)
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_not_set(
    configured: Callable[..., None], stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OIDC_SECRET")
    answer = stranger.get("/sign-in/oidc")
    assert answer.status_code == 409
    assert "OIDC_SECRET is not set" in seen(answer)


def test_the_console_is_no_part_of_what_a_run_goes_by(configured: Callable[..., None], project: Path) -> None:
    before = load_project(project)
    configured("name: Other")
    after = load_project(project)
    assert before.hash == after.hash
    assert before.config.console != after.config.console
