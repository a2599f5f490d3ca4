"""Drafts and publications, on both databases: no tab overwrites another, no publication is lost or doubled."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from state.drafts import AnotherPublication, Draft, Drafts, Publications, StaleDraft, next_publication

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
FILES = {"smarketing.yaml": "região: ä\n", "mappings/hubspot.yaml": "fields: {}\n"}
CHANGED = {**FILES, "mappings/hubspot.yaml": "fields: {email: {remote: email}}\n"}


def test_a_draft_is_kept_whole(engine: sa.Engine) -> None:
    drafts = Drafts(engine)
    assert drafts.of("ana") is None
    begun = Draft.begin("ana", FILES)
    assert not begun.changed
    saved = drafts.save(begun, CHANGED, NOW)
    assert drafts.of("ana") == saved == Draft("ana", CHANGED, FILES, 1, NOW)
    assert saved.changed
    later = drafts.save(Draft.begin("bo", FILES), FILES, NOW + timedelta(hours=1))
    assert drafts.all() == [later, saved]
    drafts.drop(saved)
    assert drafts.of("ana") is None
    assert drafts.of("bo") == later


def test_whoever_has_not_seen_the_last_version_saves_nothing(engine: sa.Engine) -> None:
    drafts = Drafts(engine)
    one = drafts.save(Draft.begin("ana", FILES), CHANGED, NOW)
    with pytest.raises(StaleDraft):
        drafts.save(Draft.begin("ana", FILES), FILES, NOW)  # a tab that was open before the first change
    two = drafts.save(one, {**CHANGED, "x": ""}, NOW)
    with pytest.raises(StaleDraft):
        drafts.save(one, FILES, NOW)
    with pytest.raises(StaleDraft):
        drafts.drop(one)
    assert drafts.of("ana") == two
    drafts.drop(two)
    with pytest.raises(StaleDraft):
        drafts.save(two, FILES, NOW)
    assert drafts.of("ana") is None


def test_after_a_merge_it_changes_something_else(engine: sa.Engine) -> None:
    drafts = Drafts(engine)
    one = drafts.save(Draft.begin("ana", FILES), CHANGED, NOW)
    drafts.save(one, CHANGED, NOW, begun=CHANGED)
    found = drafts.of("ana")
    assert found is not None
    assert not found.changed


def test_of_many_who_save_the_same_version_one_does(engine: sa.Engine) -> None:
    drafts = Drafts(engine)
    draft = drafts.save(Draft.begin("ana", FILES), FILES, NOW)
    outcomes: list[str] = []

    def save(n: int) -> None:
        try:
            drafts.save(draft, {"n": str(n)}, NOW)
            outcomes.append("saved")
        except StaleDraft:
            outcomes.append("stale")

    threads = [threading.Thread(target=save, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved"] + ["stale"] * 5


def test_publications_are_numbered_and_added_once(engine: sa.Engine) -> None:
    publications = Publications(engine)
    assert publications.last() is None
    one = next_publication(None, NOW, "", "hand", "", FILES, "h1")
    publications.add(one)
    publications.add(one)
    two = next_publication(publications.last(), NOW, "ana@example.com", "draft", "Phone", CHANGED, "h2")
    publications.add(two)
    back = next_publication(two, NOW, "ana@example.com", "rollback", "", FILES, "h1", rolls_back=1)
    publications.add(back)
    assert publications.newest() == [back, two, one]
    assert publications.newest(1, before=3) == [two]
    assert publications.get(1) == one
    assert publications.get(9) is None
    assert (back.number, back.rolls_back, back.begun_from) == (3, 1, 2)
    with pytest.raises(AnotherPublication):
        publications.add(replace(next_publication(one, NOW, "bo@example.com", "draft", "", FILES, "h1")))
    assert publications.last() == back
