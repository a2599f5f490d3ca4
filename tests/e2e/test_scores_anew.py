"""A change of the scoring rules reaches everybody, not only those who are edited next."""

from __future__ import annotations

from tests.e2e.world import World


def test_everybody_is_reckoned_anew_when_the_points_change(synced: World) -> None:
    w = synced
    before = {lead.id: lead.fields["score"] for lead in w.leads()}
    file = w.folder / "smarketing.yaml"
    file.write_text(file.read_text().replace("points: 15, when: {any: [{company", "points: 17, when: {any: [{company"))
    w.cli("sync", "--confirm")
    after = {lead.id: lead.fields["score"] for lead in w.leads()}
    assert {after[id_] - before[id_] for id_ in after} == {0, 1}
    w.cli("sync")
