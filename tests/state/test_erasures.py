"""Rows about a person that no lead's id names."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from state import tables as t
from state.database import open_database
from state.records import Activity, Wait
from state.store import Store
from sync.forget import Person
from sync.match import match_keys

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_happened_to_an_address_that_no_lead_had_yet_goes_too(tmp_path: Path) -> None:
    """Such an activity waits under the hash of the address, not under the address."""
    engine = open_database(f"sqlite:///{tmp_path / 'state.sqlite'}")
    store = Store(engine)
    waits = {
        e: Wait("email", f"{k}", k)
        for e in ("ada@x.example", "bob@x.example")
        for _, k in match_keys({"email": e}, (("email",),))
    }
    store.keep_activities(
        "mkt",
        [
            Activity(f"open:{email}", "email_open", AT, AT, (), None, None, None, '{"subject":"Hello"}', (wait,))
            for email, wait in waits.items()
        ],
        "run",
        AT,
    )
    store.commit()
    ada = Person(["0" * 32], {"ada@x.example"}, set(), set(), [], {})
    assert store.held(ada.hubs, ada.keys(), ada.marks) == {"activity": 1}
    assert store.erase_person(ada.hubs, ada.keys(), ada.marks) == {"activity": 1}
    store.commit()
    with engine.connect() as c:
        assert c.execute(sa.select(t.activity.c.remote_id)).scalars().all() == ["open:bob@x.example"]
    store.close()
    engine.dispose()
