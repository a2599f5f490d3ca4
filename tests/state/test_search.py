"""Records are found by the beginnings of their words, on both databases; and the index follows what happens to them."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from mapping.fields import Kind
from state import search as searching
from state import tables as t
from state.indexing import RECORDS, Indexer
from state.records import Hub, Link, Side
from state.search import Found, Question, Search
from state.store import Store
from state.words import asked, folded, words_of
from tests.state.made import AT, lead, link, put


def index(engine: sa.Engine) -> None:
    with Indexer(engine) as indexer:
        assert indexer.catch_up()


def find(engine: sa.Engine, text: str = "", **more: Any) -> Found:
    with Search(engine) as search:
        return search.find(Question(text, **more))


def names(engine: sa.Engine, text: str = "", **more: Any) -> list[str]:
    found = find(engine, text, **more).ids
    with sa.Connection(engine) as c:
        rows = {row.id: row.fields for row in c.execute(sa.select(t.hub.c.id, t.hub.c.fields))}

    return [orjson.loads(rows[one]).get("last_name") or orjson.loads(rows[one]).get("name") for one in found]


def noted(store: Store, *hubs: Hub, kind: str = "merged") -> None:
    """Stored, with an entry in their history, as a run leaves it."""
    store.log_changes([
        {"hub_id": hub.id, "run_id": "run", "at": AT, "kind": kind, "system": "crm", "detail": None} for hub in hubs
    ])  # fmt: skip
    store.commit()


def known(store: Store, *hubs: Hub) -> None:
    put(store, *hubs)
    noted(store, *hubs, kind="created")


def company(**fields: Any) -> Hub:
    hub = lead(**fields)
    hub.kind = "company"
    return hub


@pytest.mark.parametrize(
    ("spelled", "plain"),
    [
        ("Müller", "muller"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("Łukasz", "lukasz"), ("Søren", "soren"),
        ("O’Brien", "obrien"), ("O'Brien", "obrien"), ("İnci", "inci"), ("Ægir", "aegir"), ("José", "jose"), ("ﬁn", "fin"),
        ("Ｔｏｋｙｏ", "tokyo"), ("Διονύσης", "διονυσησ"), ("山田", "山田"),
    ],
)  # fmt: skip
def test_spelling_makes_no_difference(spelled: str, plain: str) -> None:
    assert folded(spelled) == plain
    assert folded(plain) == plain


def test_the_words_of_a_record() -> None:
    fields = {
        "first_name": "Jean-Luc", "last_name": "d'Orléans", "company": "Müller & Söhne GmbH", "email": "JL.Orleans@acme.example",
        "website": "https://www.acme.example/jobs", "city": "Paris",
    }  # fmt: skip
    assert words_of(fields) == {
        "jean-luc", "luc", "dorleans", "muller", "sohne", "gmbh", "jl.orleans@acme.example", "orleans", "acme.example",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("jo john", ("john",)), ("  Ana,  LIMA ", ("lima", "ana")), ("<a.b@c.example>", ("a.b@c.example",)), ("@acme", ("acme",)),
        ("o'brien", ("obrien",)), ("!?", ()), ("a/b@x.example", ("a/b@x.example",)), ("jean-l", ("jean-l",)),
    ],
)  # fmt: skip
def test_what_somebody_asks_for(question: str, words: tuple[str, ...]) -> None:
    assert asked(question) == words


def test_found_by_any_word_in_any_order(engine: sa.Engine, store: Store) -> None:
    known(
        store,
        lead(first_name="Ana", last_name="Lima", email="ana.lima@fjord-partners.example", company="Fjord Partners"),
        lead(first_name="Anabel", last_name="Müller", email="am@acme.example", company="Acme"),
        company(name="Ananas Ltd", domain="ananas.example"),
    )
    index(engine)
    assert names(engine, "ana") == ["Lima", "Ananas Ltd", "Müller"], "who is called just so comes first"
    assert names(engine, "lima ana") == ["Lima"]
    assert names(engine, "MULLER") == ["Müller"]
    assert names(engine, "ana.lima@fj") == ["Lima"]
    assert names(engine, "fjord-p") == ["Lima"]
    assert names(engine, "ananas.ex") == ["Ananas Ltd"]
    assert names(engine, "ana", kind="company") == ["Ananas Ltd"]
    assert set(names(engine, "ana", kind="lead")) == {"Lima", "Müller"}
    assert names(engine, "nobody") == []
    assert names(engine, "...") == []


def test_without_a_question_the_last_changed_come_first(engine: sa.Engine, store: Store) -> None:
    one, two, three = (lead(last_name=name) for name in ("One", "Two", "Three"))
    known(store, one, two, three, company(name="Acme"))
    index(engine)
    noted(store, one)
    index(engine)
    assert names(engine) == ["One", "Acme", "Three", "Two"]
    assert names(engine, kind="lead") == ["One", "Three", "Two"]


def test_filters(engine: sa.Engine, store: Store) -> None:
    mine = lead(last_name="Lima", stage="mql", owner="o" * 32)
    mine.links = {"crm": link(mine.id, "1"), "mkt": link(mine.id, "2", "mkt")}
    other = lead(last_name="Lima", stage="sql")
    other.links = {"crm": link(other.id, "3")}
    other.links["crm"].state = "archived"
    known(store, mine, other)
    index(engine)
    assert find(engine, stage="mql").ids == [mine.id]
    assert find(engine, "lim", stage="sql").ids == [other.id]
    assert find(engine, owner="o" * 32).ids == [mine.id]
    assert find(engine, system="crm").ids == [mine.id], "what was archived is not there"
    assert find(engine, "lima", system="mkt", stage="mql", owner="o" * 32, kind="lead").ids == [mine.id]
    assert find(engine, system="nowhere").ids == []


def test_a_record_is_followed(engine: sa.Engine, store: Store) -> None:
    one, two = lead(last_name="Lima", stage="mql"), lead(last_name="Luz")
    known(store, one, two)
    index(engine)
    one.fields = {"last_name": "Souza", "stage": "sql"}
    store.update_hubs([one])
    noted(store, one)
    store.insert_links([link(two.id, "7")])  # a run has created a record of it, and notes no change
    store.commit()
    known(store, lead(last_name="Limeira"))
    assert names(engine, "lim") == ["Lima".replace("Lima", "Souza")], "still found by what it was"
    index(engine)
    assert names(engine, "lim") == ["Limeira"]
    assert names(engine, "sou", stage="sql") == ["Souza"]
    assert names(engine, "luz", system="crm") == ["Luz"]
    one.merged_into = two.id
    store.update_hubs([one])
    noted(store, one, two, kind="united")
    index(engine)
    assert names(engine, "souza") == []
    one.merged_into = None
    store.update_hubs([one])
    noted(store, one, two, kind="split")
    index(engine)
    assert names(engine, "souza") == ["Souza"]
    assert_consistent(engine)


def test_what_is_not_merged_yet_is_found_by_what_a_system_says(engine: sa.Engine, store: Store) -> None:
    hub = Hub("a" * 32)
    hub.links["crm"] = Link(hub.id, "crm", "1", Side(seen={"last_name": "Lima"}))
    put(store, hub)
    index(engine)
    assert find(engine, "lima").ids == [hub.id]


def test_how_far_it_is(engine: sa.Engine, store: Store) -> None:
    known(store, *(lead(last_name=f"Lima{n}") for n in range(2 * RECORDS + 10)))
    with Search(engine) as search:
        assert search.progress().share == 0
    turns = iter(range(3))
    with Indexer(engine, go_on=lambda: next(turns, None) is not None) as indexer:
        assert indexer.behind() is None
        assert not indexer.catch_up()
        assert indexer.behind() is None
    with Search(engine) as search:
        assert 0 < search.progress().share < 1
    index(engine)
    with Search(engine) as search:
        assert search.progress().share == 1
    assert find(engine, "lima").more
    assert len(find(engine, "lima").ids) == 1_000
    noted(store, lead(last_name="nowhere"))
    with Indexer(engine) as indexer:
        assert indexer.behind() == 1
    assert_consistent(engine)


def test_who_is_erased_while_the_index_is_made_is_not_in_it(engine: sa.Engine, store: Store) -> None:
    people = [lead(last_name=f"Lima{n}", email=f"lima{n}@x.example") for n in range(RECORDS + 50)]
    known(store, *people)
    seen: list[float] = []

    def pause(_: float) -> None:
        seen.append(0)
        if len(seen) == 3:  # the records are laid down, their words are not
            store.erase_person([people[0].id], [], ["lima0@x.example"])
            store.commit()

    with Indexer(engine, pause=pause) as indexer:
        assert indexer.catch_up()
    assert len(seen) > 3
    assert find(engine, "lima0").ids == []
    assert_consistent(engine)
    assert store.held([people[1].id], [], [])["search_record"] == 1
    store.erase_person([people[1].id], [], ["lima1@x.example"])
    store.rollback()
    assert find(engine, "lima1@x").ids == [people[1].id], "nothing goes before the commit"
    gone = store.erase_person([people[1].id], [], ["lima1@x.example"])
    store.commit()
    assert gone["search_record"] == 1
    assert find(engine, "lima1@x").ids == []
    assert_consistent(engine)


def test_who_is_erased_while_somebody_indexes_them_is_not_in_the_index(engine: sa.Engine, store: Store) -> None:
    person, other = lead(last_name="Lima", email="lima@x.example"), lead(last_name="Luz")
    known(store, person, other)
    erasing: list[threading.Thread] = []

    def erase() -> None:
        with closing(Store(engine)) as mine:
            mine.erase_person([person.id], [], ["lima@x.example"])
            mine.commit()

    class Slow(Indexer):
        def _entries(self, ids: Collection[str]) -> Any:
            entries = super()._entries(ids)
            if not erasing and person.id in entries:
                erasing.append(threading.Thread(target=erase))
                erasing[0].start()
                erasing[0].join(0.5)  # it has read the person, and not written yet
                assert erasing[0].is_alive(), "whoever erases waits for it"
            return entries

    with Slow(engine) as indexer:
        assert indexer.catch_up()
    erasing[0].join(20)
    assert not erasing[0].is_alive()
    assert find(engine, "lima").ids == []
    assert names(engine, "luz") == ["Luz"]
    assert_consistent(engine)


WORDS = (
    "Ana",
    "Anabel",
    "Ann",
    "Án",
    "Lima",
    "Limeira",
    "Müller",
    "Mull",
    "O'Neil",
    "Jean-Luc",
    "Luc",
    "Acme",
    "acme labs",
    "",
)


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_look_at_every_record_finds(
    seed: int, engine: sa.Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    if seed % 2:  # as among a million
        for name, value in (("FEW", 3), ("COUNTED", 10), ("OTHERS", 5)):
            monkeypatch.setattr(searching, name, value)
    hubs: dict[str, Hub] = {}

    def made() -> Hub:
        kind: Kind = dice.choice(("lead", "lead", "lead", "company"))
        hub = lead(**shown(kind))
        hub.kind = kind
        for system in dice.sample(("crm", "mkt"), dice.randint(0, 2)):
            hub.links[system] = link(hub.id, hub.id, system)
            hub.links[system].kind = kind
            hub.links[system].state = dice.choice(("live", "live", "deleted"))
        return hub

    def shown(kind: Kind) -> dict[str, Any]:
        fields = {
            name: dice.choice(WORDS)
            for name in (("first_name", "last_name", "company") if kind == "lead" else ("name",))
        }
        fields |= {"stage": dice.choice(("mql", "sql")), "owner": dice.choice(("o" * 32, "p" * 32))}
        return {name: value for name, value in fields.items() if value}

    for _ in range(4):
        fresh = [made() for _ in range(dice.randint(5, 25))]
        known(store, *fresh)
        hubs |= {hub.id: hub for hub in fresh}
        some = dice.sample(sorted(hubs), min(len(hubs), 8))
        for id_ in some[:4]:
            hubs[id_].fields = shown(hubs[id_].kind)
        hubs[some[4]].merged_into = some[0]
        store.update_hubs([hubs[id_] for id_ in some[:5]])
        noted(store, *(hubs[id_] for id_ in some[:5]))
        if dice.random() < 0.5:
            store.erase_person([some[5]], [], ["nobody@x.example"])
            store.commit()
            del hubs[some[5]]
        index(engine)
        assert_consistent(engine)
        for _ in range(15):
            question = Question(
                " ".join(dice.choice(WORDS)[: dice.randint(1, 6)] for _ in range(dice.randint(0, 2))),
                dice.choice((None, None, "lead", "company")),
                dice.choice(("", "", "mql")), dice.choice(("", "", "crm")), dice.choice(("", "", "o" * 32)),
            )  # fmt: skip
            with Search(engine) as search:
                found = search.find(question)
            assert set(found.ids) == set(naive(hubs.values(), question)), f"seed {seed}: {question}"
            assert len(found.ids) == len(set(found.ids))
            assert found.through
            assert not found.more
            with Search(engine) as search:
                parts = [
                    search.find(question, most).ids
                    for most in sorted(dice.sample(range(1, len(found.ids) + 1), min(3, len(found.ids))))
                ]
            assert parts == [found.ids[: len(part)] for part in parts], f"seed {seed}: {question}: pages"


def naive(hubs: Any, question: Question) -> Iterator[str]:
    """By a look at every record."""
    beginnings = asked(question.text)
    for hub in hubs:
        if hub.merged_into or (question.text.strip() and not beginnings):
            continue
        fits = all(any(word.startswith(one) for word in words_of(hub.fields)) for one in beginnings)
        fits &= question.kind in (None, hub.kind)
        fits &= question.stage in ("", hub.fields["stage"]) and question.owner in ("", hub.fields["owner"])
        fits &= not question.system or (question.system in hub.links and hub.links[question.system].state == "live")
        if fits:
            yield hub.id


def assert_consistent(engine: sa.Engine) -> None:
    """Every word of a record has its row and every row its record; of a record that is gone there is none."""
    with engine.connect() as c:
        records = c.execute(sa.select(t.search_record)).all()
        words = {(row.word, row.n) for row in c.execute(sa.select(t.search_word))}
        there = set(c.execute(sa.select(t.hub.c.id).where(t.hub.c.merged_into.is_(None))).scalars())
    assert {row.hub_id for row in records} <= there
    assert words == {(word, row.n) for row in records for word in row.words.split("\n") if word}


def test_a_question_is_answered_from_an_index(engine: sa.Engine, store: Store) -> None:
    known(store, *(lead(last_name=f"Lima{n}", stage="mql") for n in range(50)))
    index(engine)
    sqlite = engine.dialect.name == "sqlite"
    statements: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda c, cur, sql, values, *_: statements.append((sql, values)))
    for question in (
        Question("lim"),
        Question("lim a", "lead", "mql", "crm"),
        Question(),
        Question(kind="lead"),
        Question(stage="mql"),
    ):
        with Search(engine) as search:
            search.find(question)
    asked_for = [(sql, values) for sql, values in statements if sql.startswith("SELECT")]
    assert len(asked_for) > 8
    with engine.connect() as c:
        if not sqlite:
            c.exec_driver_sql("SET enable_seqscan = off")  # of fifty rows it would read all
        for sql, values in asked_for:
            plan = [row[-1] for row in c.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{sql}", values)]
            for line in plan:
                if sqlite:
                    scans = line.startswith("SCAN") and "json_each" not in line and "anon" not in line
                    assert not scans or "USING" in line, f"{line}\n{sql}"
                    assert "TEMP B-TREE FOR ORDER" not in line, f"{line}\n{sql}"
                else:
                    assert "Seq Scan" not in line, f"{plan}\n{sql}"
            if not sqlite and "word >=" in sql:
                assert any("Index Cond" in line and "word" in line for line in plan), f"{plan}\n{sql}"
