"""A score that is learned from outcomes: trained, tested on later leads, and applied.

scikit-learn is imported only where something is learned; a run applies the model in plain Python, from the JSON that it
is kept as (never a pickle: what the database holds must not be run). Invariant: a test never sees an outcome, nor a
lead, of the time that the model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from math import exp
from typing import Any

from alignment.scoring.features import Example, features_of, name_of, tally_of, vector
from mapping.config import ProjectFile
from mapping.fields import Fields
from mapping.scored import Predictive
from state.scores import ModelRow

TRAINED_ON = 0.7
"""Of the leads, in the order of time, the share before the moment at which a backtest begins."""
LEAST_TESTED = 20
"""Leads of which a backtest tells anything, some of them won and some not."""


@dataclass(frozen=True, slots=True)
class Model:
    """`features`, `coefficients`: in the same order."""

    features: tuple[dict[str, Any], ...]
    coefficients: tuple[float, ...]
    intercept: float

    @classmethod
    def of(cls, row: ModelRow) -> Model:
        told = row.coefficients
        return cls(tuple(row.features), tuple(told["coefficients"]), float(told["intercept"]))

    def probability(self, fields: Fields, tally: dict[str, int]) -> float:
        told = vector(self.features, fields, tally)
        z = self.intercept + sum(c * x for c, x in zip(self.coefficients, told, strict=True))
        return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))

    def reasons(self, fields: Fields, tally: dict[str, int], most: int = 5) -> list[tuple[str, float]]:
        """What weighs most for and against this lead, in log-odds."""
        told = vector(self.features, fields, tally)
        parts = [(name_of(f), c * x) for f, c, x in zip(self.features, self.coefficients, told, strict=True)]
        return sorted((part for part in parts if abs(part[1]) >= 0.01), key=lambda part: -abs(part[1]))[:most]


def predictor(model: Model) -> Callable[[Fields], int]:
    """The chance in percent, from a lead's fields as they stand in the hub."""

    def predict(hub: Fields) -> int:
        return round(100 * model.probability(hub, tally_of(hub)))

    return predict


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the tested leads, by what was predicted."""

    leads: int
    predicted: float
    won: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """`base_brier`: of predicting everybody's average; a model is worth something below it. `rules_auc`: of the rules'
    score on the same leads."""

    split: datetime
    trained: int
    tested: int
    won: int
    auc: float
    brier: float
    base_brier: float
    rules_auc: float | None
    deciles: list[Decile] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "split": self.split.isoformat()}


@dataclass(frozen=True, slots=True)
class TooFew:
    """Why nothing was learned, in words."""

    why: str


def enough(examples: Sequence[Example], asked: Predictive) -> TooFew | None:
    """Whether there are outcomes enough to learn from."""
    won = sum(example.won for example in examples)
    if len(examples) >= asked.leads and won >= asked.won and len(examples) - won >= LEAST_TESTED:
        return None
    needed = f"{asked.leads:,} decided leads, {asked.won:,} of them won, are needed (scoring.predictive)"
    return TooFew(f"{needed}; there are {len(examples):,}, {won:,} of them won.")


def learn(config: ProjectFile, examples: Sequence[Example]) -> Model:
    """Logistic regression over all examples. Raises ValueError where all of them ended the same way."""
    from sklearn.linear_model import LogisticRegression

    outcomes = [int(example.won) for example in examples]
    if len(set(outcomes)) < 2:
        raise ValueError("all outcomes are the same")
    features = features_of(config, examples)
    if not features:
        rate = sum(outcomes) / len(outcomes)
        return Model((), (), _logit(rate))
    rows = [vector(features, example.fields, example.tally()) for example in examples]
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(rows, outcomes)
    coefficients = tuple(round(float(c), 9) for c in fitted.coef_[0])
    return Model(tuple(features), coefficients, round(float(fitted.intercept_[0]), 9))


def _logit(rate: float) -> float:
    from math import log

    return log(rate / (1 - rate))


def backtest(
    config: ProjectFile, examples: Sequence[Example], points: Callable[[Example], int] | None = None
) -> Backtest | TooFew:
    """Trained on what was decided before a moment, tested on leads that were looked at from then on. `points`: the
    rules' score of a lead, to compare with."""
    ordered = sorted(examples, key=lambda example: (example.cutoff, example.hub_id))
    if not ordered:
        return TooFew("No lead has been decided yet.")
    split = ordered[min(len(ordered) - 1, int(TRAINED_ON * len(ordered)))].cutoff
    trained = [example for example in ordered if example.outcome_at < split]
    tested = [example for example in ordered if example.cutoff >= split]
    for part, what in ((trained, "decided before"), (tested, "looked at from")):
        won = sum(example.won for example in part)
        if len(part) < LEAST_TESTED or won in (0, len(part)):
            return TooFew(f"{len(part):,} leads were {what} {split:%Y-%m-%d}, {won:,} of them won: too few to tell.")
    model = learn(config, trained)
    predicted = [model.probability(example.fields, example.tally()) for example in tested]
    won_ = [example.won for example in tested]
    rate = sum(won_) / len(won_)
    return Backtest(
        split,
        len(trained),
        len(tested),
        sum(won_),
        area_under_curve(predicted, won_),
        sum((p - w) ** 2 for p, w in zip(predicted, won_, strict=True)) / len(won_),
        rate * (1 - rate),
        area_under_curve([points(example) for example in tested], won_) if points else None,
        deciles(predicted, won_),
    )


def area_under_curve(told: Sequence[float], won: Sequence[bool]) -> float:
    """The chance that a lead that was won was told more than one that was not; a tie is half."""
    order = sorted(range(len(told)), key=lambda n: told[n])
    ranks = [0.0] * len(told)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and told[order[end]] == told[order[start]]:
            end += 1
        for n in order[start:end]:
            ranks[n] = (start + end + 1) / 2
        start = end
    positive = sum(won)
    negative = len(won) - positive
    above = sum(rank for rank, w in zip(ranks, won, strict=True) if w) - positive * (positive + 1) / 2
    return above / (positive * negative)


def deciles(predicted: Sequence[float], won: Sequence[bool]) -> list[Decile]:
    """Tenths of the leads, least likely first: what was predicted of them, and what became of them."""
    order = sorted(range(len(predicted)), key=lambda n: (predicted[n], n))
    size = len(order)
    found: list[Decile] = []
    for tenth in range(10):
        part = order[tenth * size // 10 : (tenth + 1) * size // 10]
        if part:
            mean = sum(predicted[n] for n in part) / len(part)
            found.append(Decile(len(part), mean, sum(won[n] for n in part) / len(part)))
    return found
