"""Accounts, sessions, links, tokens and the audit, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from state.accounts import Account, Accounts, Role, made
from state.audit import IN, OUT, REFUSED
from state.tokens import Tokens

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def accounts(engine: sa.Engine) -> Accounts:
    return Accounts(engine)


@pytest.fixture
def tokens(engine: sa.Engine) -> Tokens:
    return Tokens(engine)


def person(accounts: Accounts, name: str, role: Role = "viewer") -> Account:
    account = made(f"{name}@example.com", name.capitalize(), role, NOW)
    assert accounts.add(account)
    return account


def test_an_address_has_one_account(accounts: Accounts) -> None:
    ana = person(accounts, "ana")
    assert not accounts.add(made("ANA@example.com", "Other", "admin", NOW))
    assert accounts.by_email(" Ana@Example.com ") == ana


def test_the_last_admin_stays_one(accounts: Accounts) -> None:
    ana, bea = person(accounts, "ana", "admin"), person(accounts, "bea", "admin")
    assert accounts.set_role(ana.id, "admin")
    assert accounts.set_role(ana.id, "viewer")
    assert not accounts.set_role(bea.id, "operator")
    assert not accounts.disable(bea.id, NOW)
    assert accounts.by_id(bea.id) == bea
    assert accounts.disable(ana.id, NOW)
    assert not accounts.disable("nobody", NOW)


def test_a_disabled_admin_is_no_admin_that_is_left(accounts: Accounts) -> None:
    ana, bea = person(accounts, "ana", "admin"), person(accounts, "bea", "admin")
    assert accounts.disable(ana.id, NOW)
    assert not accounts.set_role(bea.id, "viewer")
    assert accounts.set_role(ana.id, "viewer")


def test_two_admins_who_take_the_role_from_each_other_at_once(accounts: Accounts) -> None:
    for round_ in range(8):
        ana, bea = person(accounts, f"ana{round_}", "admin"), person(accounts, f"bea{round_}", "admin")
        start, said = threading.Barrier(2), list[bool]()

        def demote(id_: str, start: threading.Barrier = start, said: list[bool] = said) -> None:
            start.wait()
            said.append(accounts.set_role(id_, "viewer"))

        both = [threading.Thread(target=demote, args=(one.id,)) for one in (ana, bea)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        left = [one for one in accounts.all() if one.role == "admin"]
        assert len(left) == 1
        assert sorted(said) == [False, True]
        accounts.change(left[0].id, role="viewer")


def test_a_session_ends_by_itself(accounts: Accounts) -> None:
    ana = person(accounts, "ana")
    accounts.begin(ana.id, "key", "csrf", NOW, NOW + DAY, "browser")
    assert accounts.session("key", NOW + HOUR, idle=2 * HOUR) is not None
    assert accounts.session("other", NOW + HOUR) is None
    assert accounts.session("key", NOW + 2 * HOUR, idle=2 * HOUR) is not None, "it was seen an hour before"
    assert accounts.session("key", NOW + 5 * HOUR, idle=2 * HOUR) is None
    assert accounts.session("key", NOW + 5 * HOUR) is not None
    assert accounts.session("key", NOW + DAY) is None


def test_the_sessions_of_a_person(accounts: Accounts) -> None:
    ana, bea = person(accounts, "ana"), person(accounts, "bea")
    for number, key in enumerate(("one", "two", "three")):
        accounts.begin(ana.id, key, "csrf", NOW + number * HOUR, NOW + DAY, key)
    accounts.begin(bea.id, "hers", "csrf", NOW, NOW + DAY, "hers")
    assert [(one.agent, one.mine) for one in accounts.sessions(ana.id, "two", NOW)] == [
        ("three", False), ("two", True), ("one", False),
    ]  # fmt: skip
    assert accounts.last_seen() == {ana.id: NOW + 2 * HOUR, bea.id: NOW}
    assert accounts.end_others(ana.id, "two") == 2
    assert [one.agent for one in accounts.sessions(ana.id, "two", NOW)] == ["two"]
    assert accounts.session("hers", NOW) is not None


def test_who_is_disabled_is_out_with_all_their_links(accounts: Accounts) -> None:
    ana, bea = person(accounts, "ana", "admin"), person(accounts, "bea", "admin")
    accounts.begin(bea.id, "key", "csrf", NOW, NOW + DAY, "")
    accounts.invite("reset", "viewer", bea.email, NOW, ana.email, NOW + DAY)
    accounts.invite("hers", "admin", "cleo@example.com", NOW, bea.email, NOW + DAY)
    accounts.invite("his", "viewer", "dan@example.com", NOW, ana.email, NOW + DAY)
    assert accounts.disable(bea.id, NOW)
    assert accounts.session("key", NOW) is None
    assert [one.email for one in accounts.links(NOW)] == ["dan@example.com"]


def test_a_link_works_once_and_the_newest_counts(accounts: Accounts) -> None:
    accounts.invite("old", "viewer", "dan@example.com", NOW, "ana", NOW + DAY)
    accounts.invite("new", "operator", "Dan@example.com", NOW, "ana", NOW + DAY)
    assert accounts.invitation("old", NOW) is None
    assert accounts.invitation("new", NOW + DAY) is None
    assert accounts.use("new", NOW)
    assert not accounts.use("new", NOW)
    assert accounts.invitation("new", NOW) is None
    assert accounts.links(NOW) == []


def test_a_link_is_withdrawn_by_its_mark(accounts: Accounts) -> None:
    accounts.invite("one", "viewer", "dan@example.com", NOW, "ana", NOW + DAY)
    [link] = accounts.links(NOW)
    assert accounts.withdraw("0" * 16) is None
    assert accounts.withdraw(link.mark) == "dan@example.com"
    assert accounts.invitation("one", NOW) is None


def test_a_token_is_its_accounts(accounts: Accounts, tokens: Tokens) -> None:
    ana = person(accounts, "ana", "operator")
    token = tokens.add("secret", "dashboard", "viewer", ana.id, NOW, NOW + DAY)
    assert token.used_at is None
    found = tokens.holder("secret", NOW + HOUR)
    assert found == (token, ana)
    assert tokens.by_id(token.id).used_at == NOW + HOUR  # type: ignore[union-attr]
    assert tokens.holder("secret", NOW + DAY) is None
    assert tokens.holder("Secret", NOW) is None
    assert tokens.of(ana.id) == tokens.all()
    assert tokens.revoke(token.id, NOW)
    assert not tokens.revoke(token.id, NOW)
    assert tokens.holder("secret", NOW) is None


def test_a_token_is_worth_nothing_once_its_owner_is_out(accounts: Accounts, tokens: Tokens) -> None:
    person(accounts, "ana", "admin")
    bea = person(accounts, "bea", "admin")
    tokens.add("secret", "script", "admin", bea.id, NOW, None)
    assert accounts.disable(bea.id, NOW)
    assert tokens.holder("secret", NOW) is None


def test_no_key_stands_in_the_database(engine: sa.Engine, accounts: Accounts, tokens: Tokens) -> None:
    ana = person(accounts, "ana")
    keys = {"session": "key-of-a-session", "token": "key-of-a-token", "invitation": "key-of-a-link"}
    accounts.begin(ana.id, keys["session"], "csrf", NOW, NOW + DAY, "")
    tokens.add(keys["token"], "script", "viewer", ana.id, NOW, None)
    accounts.invite(keys["invitation"], "viewer", "", NOW, "ana", NOW + DAY)
    with engine.connect() as connection:
        for table, key in keys.items():
            [row] = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert key not in str(row)


def test_failures_are_counted_by_address_and_client(accounts: Accounts) -> None:
    for minute, (who, client) in enumerate([("ana", "1"), ("ana", "2"), ("bea", "1"), ("ana", "1")]):
        accounts.note(NOW + minute * timedelta(minutes=1), who, REFUSED, client)
    accounts.note(NOW, "ana", IN, "1")
    before = NOW - HOUR
    assert accounts.failures(before, who="ana").count == 3
    assert accounts.failures(before, client="1").count == 3
    pair = accounts.failures(before, who="ana", client="1")
    assert (pair.count, pair.last) == (2, NOW + timedelta(minutes=3))
    assert accounts.failures(NOW + timedelta(minutes=3), who="ana").count == 0
    assert accounts.came_in("ana", "1", before) == NOW
    assert accounts.came_in("ana", "2", before) is None
    assert accounts.came_in("ana", "1", NOW) is None


def test_the_audit_by_person_and_action_page_by_page(accounts: Accounts) -> None:
    for number in range(30):
        accounts.note(NOW + number * HOUR, ("ana", "bea")[number % 2], ("plan-made", OUT, IN)[number % 3], str(number))
    assert accounts.actions() == ["plan-made", IN, OUT]
    first = accounts.deeds(4, who="ana", action="plan-made")
    assert [deed.subject for deed in first] == ["24", "18", "12", "6"]
    assert [deed.subject for deed in accounts.deeds(4, first[-1].id, who="ana", action="plan-made")] == ["0"]
    assert accounts.last_in() == {"ana": NOW + 28 * HOUR, "bea": NOW + 29 * HOUR}
