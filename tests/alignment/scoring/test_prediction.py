"""The learned score: what it is tested on, that it sees nothing of the future, and that a run applies just that model."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from math import exp
from pathlib import Path
from random import Random

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from alignment.scoring.calibration import scored
from alignment.scoring.features import Example, vector
from alignment.scoring.prediction import (
    Backtest,
    Model,
    TooFew,
    area_under_curve,
    backtest,
    deciles,
    enough,
    learn,
    predictor,
)
from mapping.scored import Predictive
from state.rows import dumps, loads
from state.scores import ModelRow
from tests.alignment.scoring.past import DAY, START, Past, begin


def seeded() -> Random:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    return Random(seed)


def populate(past: Past, dice: Random, count: int) -> None:
    """Leads that are won by their company and their forms; what is known of contracts and sales comes after the fact."""
    for n in range(count):
        created = START + timedelta(hours=6 * n)
        strong, forms = dice.random() < 0.5, dice.randint(0, 3)
        lead = past.lead(created, company="Strong" if strong else "Weak", employees=dice.randint(1, 900), stage="lead")
        for _ in range(forms):
            past.happen(lead, "form", created + timedelta(hours=dice.uniform(0, 20)))
        past.stage(lead, created + DAY, "mql")
        won = dice.random() < 1 / (1 + exp(-(-2.5 + 2 * strong + 0.8 * forms)))
        end = created + timedelta(days=dice.uniform(3, 25))
        past.stage(lead, end, "customer" if won else "disqualified")
        if won:
            past.set(lead, end + timedelta(hours=1), contract="signed")
            past.happen(lead, "sale", end)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Past, list[Example]]:
    past = begin(tmp_path_factory.mktemp("past"))
    populate(past, seeded(), 900)
    found = past.decisions()
    assert len(found.examples) == 900
    return past, found.examples


def test_a_sign_that_only_appears_after_the_outcome_gets_no_weight(examples: tuple[Past, list[Example]]) -> None:
    past, decided = examples
    model = learn(past.project.config, decided)
    told = {(f.get("field"), f.get("is"), f.get("activity")) for f in model.features}
    assert ("contract", "signed", None) not in told
    assert (None, None, "sale") not in told
    assert not any(f.get("field") == "contract" for f in model.features)
    assert ("company", "strong", None) in told
    assert (None, None, "form") in told


def test_the_same_sign_would_decide_everything_if_it_were_looked_at_today(examples: tuple[Past, list[Example]]) -> None:
    """That the test above can fail: with the fields as they are now, the model knows the outcomes by heart."""
    past, decided = examples
    today = {hub.id: hub.fields for hub in past.hubs}
    leaking = [replace(example, fields=today[example.hub_id]) for example in decided]
    found, honest = backtest(past.project.config, leaking), backtest(past.project.config, decided)
    assert isinstance(found, Backtest)
    assert isinstance(honest, Backtest)
    assert found.auc > 0.99 > honest.auc


def test_the_backtest_is_trained_on_the_past_alone(examples: tuple[Past, list[Example]]) -> None:
    past, decided = examples
    score = scored(past.project)
    found = backtest(past.project.config, decided, lambda example: score(example).total)
    assert isinstance(found, Backtest)
    trained = [e for e in decided if e.outcome_at < found.split]
    tested = [e for e in decided if e.cutoff >= found.split]
    assert (found.trained, found.tested, found.won) == (len(trained), len(tested), sum(e.won for e in tested))
    assert not {e.hub_id for e in trained} & {e.hub_id for e in tested}
    model = learn(past.project.config, trained)
    predicted = [model.probability(e.fields, e.tally()) for e in tested]
    won = [e.won for e in tested]
    assert found.auc == pytest.approx(roc_auc_score(won, predicted))
    assert found.brier == pytest.approx(brier_score_loss(won, predicted))
    assert found.rules_auc == pytest.approx(roc_auc_score(won, [score(e).total for e in tested]))
    assert found.auc > 0.65, "company and forms decide"
    assert found.brier < found.base_brier
    assert sum(one.leads for one in found.deciles) == found.tested
    assert sum(one.leads * one.won for one in found.deciles) == pytest.approx(found.won)


def test_outcomes_of_later_leads_change_nothing_of_what_is_tested_on(examples: tuple[Past, list[Example]]) -> None:
    """Turned round, the tested outcomes give the mirror image: the model has not seen them."""
    past, decided = examples
    found = backtest(past.project.config, decided)
    assert isinstance(found, Backtest)
    turned = [replace(e, won=not e.won) if e.cutoff >= found.split else e for e in decided]
    mirrored = backtest(past.project.config, turned)
    assert isinstance(mirrored, Backtest)
    assert mirrored.auc == pytest.approx(1 - found.auc)


def test_a_model_is_applied_from_its_json_as_it_was_learned(examples: tuple[Past, list[Example]]) -> None:
    past, decided = examples
    model = learn(past.project.config, decided)
    rows = [vector(model.features, e.fields, e.tally()) for e in decided]
    reference = LogisticRegression(C=1.0, max_iter=2000).fit(rows, [int(e.won) for e in decided])
    told = {"coefficients": list(model.coefficients), "intercept": model.intercept}
    kept = ModelRow("1", START, START, loads(dumps(list(model.features))), loads(dumps(told)), {})
    again = Model.of(kept)
    assert again == model
    for example, (_, chance) in zip(decided[:50], reference.predict_proba(rows[:50]), strict=True):
        assert again.probability(example.fields, example.tally()) == pytest.approx(chance, abs=1e-6)
        stored = {**example.fields, "activity_tally": dumps(example.tally())}
        assert predictor(again)(stored) == round(100 * again.probability(example.fields, example.tally()))


def test_too_few_outcomes_are_said_to_be_too_few(examples: tuple[Past, list[Example]]) -> None:
    past, decided = examples
    won = [e for e in decided if e.won]
    assert enough(decided, Predictive(leads=900, won=len(won))) is None
    for asked in (Predictive(leads=901, won=10), Predictive(leads=50, won=len(won) + 1)):
        few = enough(decided, asked)
        assert few is not None
        assert f"there are 900, {len(won):,} of them won" in few.why
    assert isinstance(backtest(past.project.config, []), TooFew)
    assert isinstance(backtest(past.project.config, decided[:30]), TooFew)
    assert isinstance(backtest(past.project.config, won), TooFew), "all of one kind"


def test_the_area_under_the_curve_counts_ties_half() -> None:
    dice = seeded()
    for _ in range(50):
        told = [dice.randint(0, 5) for _ in range(40)]
        won = [True, False, *(dice.random() < 0.5 for _ in range(38))]
        assert area_under_curve(told, won) == pytest.approx(roc_auc_score(won, told))


def test_tenths_are_a_partition_from_the_least_likely_on() -> None:
    dice = seeded()
    predicted = [dice.random() for _ in range(137)]
    found = deciles(predicted, [p > 0.5 for p in predicted])
    assert sum(one.leads for one in found) == 137
    assert [one.predicted for one in found] == sorted(one.predicted for one in found)


def test_the_command_line_and_a_run_start_without_scikit_learn() -> None:
    for module in ("console.cli", "sync.run", "console.score", "console.explaining"):
        code = f"import sys, {module}; sys.exit(any(m.split('.')[0] in ('sklearn', 'numpy', 'scipy') for m in sys.modules))"
        assert (
            subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0
        ), module
