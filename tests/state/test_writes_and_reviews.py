"""Plans, intents, reviews, and what History tells of them, on both databases."""

from __future__ import annotations

import pytest

from state.history import History
from state.records import Review
from state.store import Store
from tests.state.made import AT, LATER, lead, letter, link, put, write

HALF = "half a character: \ud800, NUL: \0"


# --- writes ----------------------------------------------------------------------------------------------------------


def test_a_plan_is_read_page_by_page_in_its_order(store: Store) -> None:
    store.add_writes([write(str(n), n=n) for n in range(5)], AT)
    store.add_writes([write("x", "another run"), write("y", system="mkt")], AT)
    first = store.writes("run", "crm", 0, 3)
    rest = store.writes("run", "crm", first[-1].id, 3)
    assert [row.hub_id for row in first + rest] == ["0", "1", "2", "3", "4"]
    assert rest[-1].fields == {"n": (None, 4)}
    assert store.writes("run", "crm", rest[-1].id, 3) == []


def test_an_intent_is_a_write_without_an_answer(store: Store) -> None:
    store.add_writes([write(name) for name in ("planned", "sent", "unknown", "done", "rejected")], AT)
    rows = store.writes("run", "crm", 0, 10)
    for row in rows:
        row.state = row.hub_id
        row.remote_id = f"id of {row.hub_id}"
    rows[4].error = HALF
    store.mark_writes(rows, LATER)
    store.commit()
    assert [(row.hub_id, row.remote_id) for row in store.intents("crm")] == [
        ("sent", "id of sent"),
        ("unknown", "id of unknown"),
    ]
    assert store.intents("mkt") == []
    store.drop_planned()
    sent = History(store).sent("rejected")
    assert [(s.write.state, s.at) for s in sent] == [("rejected", LATER)]
    assert sent[0].write.error == "half a character: \\ud800, NUL: "
    assert History(store).sent("planned") == []
    assert [row.hub_id for row in History(store).written("run")] == ["sent", "unknown", "done", "rejected"]


# --- reviews ---------------------------------------------------------------------------------------------------------


def test_one_question_is_open_a_subject_and_its_detail_is_renewed(store: Store) -> None:
    ask = Review("conflict", "ada:title", {"claims": {"crm": "a"}}, "ada")
    store.open_reviews([ask, Review("conflict", "ada:name", {}, "ada"), ask], "01", AT)
    store.open_reviews([Review("conflict", "ada:title", {"claims": {"crm": "b"}}, "ada")], "02", LATER)
    title, name = store.reviews("conflict")
    assert (title.subject, title.detail, name.subject) == ("ada:title", {"claims": {"crm": "b"}}, "ada:name")
    assert [row.opened_at for row in History(store).reviews()] == [AT, AT]
    store.close_reviews([("conflict", "ada:title"), ("match", "ada:name")], LATER)
    assert [review.subject for review in store.reviews()] == ["ada:name"]
    store.open_reviews([ask], "03", LATER)
    assert [review.subject for review in store.reviews()] == ["ada:name", "ada:title"]


def test_reviews_are_found_by_kind_lead_and_whether_they_are_answered(store: Store) -> None:
    store.open_reviews(
        [Review("match", "crm:1", {}, None, "crm", "1"), letter("ada", "w"), Review("guard", "sync", {"stops": []})],
        "01",
        AT,
    )
    assert [r.kind for r in store.reviews()] == ["match", "dead_letter", "guard"]
    assert [r.kind for r in store.reviews("guard", "match")] == ["match", "guard"]
    assert [r.kind for r in store.reviews(hub_ids=["ada", "nobody"])] == ["dead_letter"]
    [asked] = store.reviews("match")
    assert store.resolve_review(asked.id, {"hub": "x"}, "somebody", LATER)
    assert [r.resolution for r in store.reviews(resolved=True)] == [{"hub": "x"}]
    assert [r.kind for r in store.reviews(resolved=False)] == ["dead_letter", "guard"]
    assert [r.kind for r in store.reviews("guard", resolved=True)] == []
    store.close_reviews([("match", "crm:1")], LATER)
    assert not store.resolve_review(asked.id, {"new": True}, "somebody", LATER)
    assert not store.resolve_review(10**9, {}, "somebody", LATER)
    [row] = History(store).reviews_by_id([asked.id]).values()
    assert (row.resolution, row.resolved_by, row.resolved_at, row.closed_at) == (
        {"hub": "x"}, "somebody", LATER, LATER,
    )  # fmt: skip


def test_a_vendors_words_that_no_database_takes_are_kept_as_well_as_can_be(store: Store) -> None:
    store.open_reviews([Review("dead_letter", "crm:ada", {HALF: [HALF, 2**70, 1.5]}, "ada", "crm")], "01", AT)
    [review] = store.reviews()
    assert list(review.detail.values()) == [["half a character: \\ud800, NUL: ", str(2**70), 1.5]]


def test_every_refused_write_is_parked_while_it_waits_and_for_good_once_ignored(store: Store) -> None:
    store.open_reviews([letter("ada", "first"), letter("ada", "m", "mkt"), letter("grace", "g")], "01", AT)
    [first] = [r for r in store.reviews(hub_ids=["ada"]) if r.system == "crm"]
    store.resolve_review(first.id, {"ignore": True}, "somebody", AT)
    store.close_reviews([("dead_letter", "crm:ada")], AT)
    store.open_reviews([letter("ada", "second")], "02", AT)
    store.open_reviews([Review("duplicate", "crm:9", {"why": "merged"}, "ada", "crm", "9")], "02", AT)
    assert store.parked(["ada", "nobody"]) == {("ada", "crm"): {"first", "second"}, ("ada", "mkt"): {"m"}}
    [second] = [r for r in store.reviews("dead_letter", hub_ids=["ada"]) if r.system == "crm"]
    store.resolve_review(second.id, {"retry": True}, "somebody", AT)
    store.close_reviews([("dead_letter", "crm:ada")], AT)
    assert store.parked(["ada"])["ada", "crm"] == {"first"}


def test_records_to_leave_alone_are_remembered_after_the_question_is_closed(store: Store) -> None:
    asks = [Review("match", "crm:1", {}, None, "crm", "1"), Review("duplicate", "crm:2", {}, None, "crm", "2")]
    store.open_reviews([*asks, letter("ada", "w")], "01", AT)
    for review in store.reviews():
        store.resolve_review(review.id, {"ignore": True}, "somebody", AT)
    assert store.ignored() == set()
    store.close_reviews([("match", "crm:1"), ("duplicate", "crm:2"), ("dead_letter", "crm:ada")], AT)
    assert store.ignored() == {"crm:1", "crm:2"}


# --- history ---------------------------------------------------------------------------------------------------------


def test_the_history_of_a_lead_oldest_first(store: Store) -> None:
    row = {"hub_id": "ada", "run_id": "01", "at": AT}
    detail = {"title": {"old": None, "new": "é", "from": "crm", "rule": "owner", "claims": {"crm": "é"}}}
    store.log_changes([{**row, "kind": "created", "system": "crm", "detail": None}])
    store.log_changes([{**row, "kind": "merged", "system": "crm", "detail": detail}, {**row, "hub_id": "grace",
                       "run_id": "02", "kind": "created", "system": "crm", "detail": None}])  # fmt: skip
    stage = {**row, "system": "crm", "evidence": "furthest"}
    store.log_stages([{**stage, "old": None, "new": "lead", "reason": None},
                      {**stage, "old": "lead", "new": "lost", "reason": "price"}])  # fmt: skip
    past = History(store)
    assert [(c.kind, c.at, c.detail) for c in past.changes(["ada"])["ada"]] == [
        ("created", AT, {}),
        ("merged", AT, detail),
    ]
    assert [c.hub_id for c in past.conflicts("01")] == ["ada"]
    assert list(past.conflicts("02")) == []
    assert [(s.old, s.new, s.reason) for s in past.stages(["ada"])["ada"]] == [
        (None, "lead", None),
        ("lead", "lost", "price"),
    ]


def test_leads_are_found_by_the_start_of_their_id_and_by_any_text(store: Store) -> None:
    ada, grace = lead(name="Ada King", note="50% off_er"), lead(name="Grace")
    put(store, ada, grace)
    past = History(store)
    assert past.find_leads(ada.id) == [ada.id]
    assert past.find_leads(ada.id[:8]) == [ada.id, grace.id]
    assert past.find_leads("ff") == []
    assert past.mentioning("aDA k") == [ada.id]
    assert past.mentioning("50% off_") == [ada.id]
    assert past.mentioning("0_ of") == []


def test_the_project_in_numbers(store: Store) -> None:
    ada, grace = lead(), lead()
    ada.links["crm"] = link(ada.id, "1")
    grace.links["crm"] = link(grace.id, "2")
    grace.links["crm"].state = "deleted"
    ada.dirty = True
    put(store, ada, grace)
    store.add_writes([write(ada.id), write(grace.id, system="mkt")], AT)
    done, sent = store.writes("run", "crm", 0, 1)[0], store.writes("run", "mkt", 0, 1)[0]
    done.state, sent.state = "done", "sent"
    store.mark_writes([done, sent], LATER)
    store.open_reviews([letter(ada.id, "w"), Review("guard", "sync", {})], "01", AT)
    store.resolve_review(store.reviews("guard")[0].id, {"confirm": True}, "somebody", AT)
    store.save_cursor("crm", "lead", {}, LATER)
    store.add_keys([(1, ada.id), (2, ada.id), (2, grace.id)])
    past = History(store)
    counted = past.counted()
    assert (counted.records, counted.dirty, counted.touched, counted.answered) == ({"lead": 2}, 1, 0, 1)
    assert counted.links == {"crm": {"live": 1, "deleted": 1}}
    assert (counted.last_write, counted.in_doubt) == ({"crm": LATER}, {"mkt": 1})
    assert counted.reviews == {"dead_letter": 1, "guard": 1}
    assert [(p.system, p.stream, p.saved_at) for p in counted.positions] == [("crm", "lead", LATER)]
    assert past.holders([1, 2, 3]) == sorted([ada.id, grace.id])
    assert past.linked("crm", ["1", "2", "3"]) == {"1": ada.id, "2": grace.id}


def test_history_on_a_store_sees_what_is_not_committed_and_with_closes_its_own(store: Store) -> None:
    store.begin_run("01", "sync", AT, "a")
    assert set(History(store).runs_by_id(["01", "02"])) == {"01"}
    with History(store.engine) as apart:
        assert apart.runs() == []
    with pytest.raises(Exception, match="closed"):
        apart.runs()


def test_the_questions_about_a_record(store: Store) -> None:
    about = {"candidates": [{"hub": "ada"}]}
    store.open_reviews(
        [
            Review("conflict", "ada:title", {}, "ada"),
            Review("conflict", "bob:title", {}, "bob"),
            Review("match", "crm:7", about, None, "crm", "7"),
            Review("duplicate", "crm:8", {"candidates": [{"hub": "adam"}]}, None, "crm", "8"),
            Review("bad_value", "crm:1", {}, None, "crm", "1"),
        ],
        "01",
        AT,
    )
    store.close_reviews([("conflict", "ada:title")], LATER)
    history = History(store)
    assert [row.subject for row in history.questions_about("ada", ["crm:1"])] == ["ada:title", "crm:1"]
    assert [row.subject for row in history.questions_about("carl", [])] == []
    assert [review.subject for review in store.naming("ada")] == ["crm:7"]
    store.close_reviews([("match", "crm:7"), ("bad_value", "crm:1")], LATER)
    assert store.naming("ada") == []
    assert [row.subject for row in history.questions_about("ada", ["crm:1"])] == ["ada:title"]
