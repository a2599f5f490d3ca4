"""The questions in words, in the language of whoever looks: one line for the queue, and what an answer says.

Not here: what is asked (`console.questions`); the terminal's English (`console.reviews`). Invariant: what a system or a person
wrote is told through `plain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignment.criteria import called
from alignment.words import Words
from console.answering import claimants
from console.names import in_words
from console.screen import plain
from mapping.config import OnConflict, ProjectFile
from mapping.derived import shared_fields
from mapping.fields import KINDS, Policy, RecordKind, Value
from state.history import ReviewRow
from sync.identify import TABLE
from sync.match import OUR_ID
from sync.owners import GONE


@dataclass(frozen=True)
class Telling:
    """Says things in one language about one project."""

    t: Words
    config: ProjectFile

    def field(self, name: str, kind: RecordKind = "lead") -> str:
        """How a shared field is called, as the beginning of a line."""
        said = self.within(name, kind)
        return said[:1].upper() + said[1:]

    def within(self, name: str, kind: RecordKind = "lead") -> str:
        """The same, inside a sentence."""
        fields = shared_fields(self.config, kind) if kind != "activity" else {}
        return plain(called(name, fields, self.t), 80) if name else ""

    def value(self, value: Any, names: Mapping[str, str], limit: int = 60) -> str:
        shown = in_words(value, names)
        match shown:
            case None | "" | []:
                return "–"
            case bool():
                return self.t("common.yes") if shown else self.t("common.no")
            case list():
                return plain(", ".join(map(str, shown)), limit)
        return plain(shown, limit)

    def rule(self, by: str, kind: RecordKind) -> str:
        """By what two records were found to be alike."""
        if by == OUR_ID:
            return self.t("reviews.by_our_id")
        if by == TABLE:
            return self.t("reviews.by_table")
        return self.t.every(self.within(name, kind) for name in by.split("+") if name)

    def brief(self, review: ReviewRow, names: Mapping[str, str]) -> str:
        """What is asked, in one line."""
        t, detail, kind = self.t, review.detail, review.record_kind
        match review.kind:
            case "conflict":
                said = (
                    t("reviews.says", system=plain(system, 40), value=self.value(detail["claims"][label], names, 40))
                    for system, label in claimants(review).items()
                )
                return t("reviews.brief_conflict", field=self.field(detail["field"], kind), claims=t.either(said))
            case "match" | "duplicate":
                return self.why(review)
            case "owner":
                return t("reviews.brief_owner", where=self.left(detail["left"]), held=self.held(detail["counts"]))
            case "dead_letter" | "bad_value":
                return "; ".join(self.problem(problem, kind) for problem in detail["problems"][:3])
        return "; ".join(self.stop(stop) for stop in detail["stops"][:4])

    def why(self, review: ReviewRow) -> str:
        """Why it is not known which record this is."""
        detail = review.detail
        why = str(detail.get("why", "")).replace(" ", "_")
        key = f"reviews.why_{why}"
        if key not in self.t:
            return plain(why, 80)
        by = self.rule(str(detail.get("by", "")), review.record_kind)
        return self.t(key, count=len(detail.get("candidates", ())), by=by, system=plain(review.system or "", 40))

    def problem(self, problem: Mapping[str, Any], kind: RecordKind) -> str:
        name = str(problem.get("field") or "")
        where = self.field(name, kind) if name else plain(problem.get("remote") or "", 60)
        value = plain(problem["value"], 60) if problem.get("value") else ""
        message = plain(problem.get("message", ""), 200)
        if where and value:
            return self.t("reviews.brief_value", field=where, value=value, message=message)
        return f"{where}: {message}" if where else message

    def left(self, gone: Mapping[str, str]) -> str:
        told = (
            self.t("reviews.gone" if how == GONE else "reviews.inactive", system=plain(s, 40))
            for s, how in gone.items()
        )
        return self.t.every(told) if gone else self.t("reviews.back")

    def held(self, counts: Mapping[str, int]) -> str:
        """ "40 leads, 3 open deals" """
        found = [self.t(f"reviews.owns_{kind}", count=counts[kind]) for kind in KINDS if counts.get(kind)]
        return self.t.every(found) if found else self.t("reviews.owns_nothing")

    def stop(self, stop: Mapping[str, Any]) -> str:
        key = f"reviews.stop_{str(stop['code']).replace('-', '_')}"
        return self.t(key) if key in self.t else plain(stop["code"], 60)

    def policy(self, policy: Policy | OnConflict) -> str:
        """Who wins by a policy."""
        systems = [plain(system, 40) for system in policy.systems]
        kind = "prefer_one" if policy.kind == "prefer" and len(systems) == 1 else policy.kind
        return self.t(
            f"reviews.policy_{kind}", systems=" › ".join(systems) or "–", system=systems[0] if systems else "–"
        )

    def answer(self, review: ReviewRow, names: Mapping[str, str]) -> str:
        """What somebody has answered; empty where nobody has."""
        said = review.resolution or {}
        for name, value in said.items():
            match name:
                case "take":
                    return self.t("reviews.answer_take", system=self.claimant(review, str(value)))
                case "value":
                    return self.t("reviews.answer_value", value=self.value(value, names))
                case "hub":
                    key = "reviews.answer_to" if review.kind == "owner" else "reviews.answer_lead"
                    return self.t(key, name=plain(names.get(str(value), str(value)), 80))
            return self.t(f"reviews.answer_{name}")
        return ""

    def claimant(self, review: ReviewRow, label: str) -> str:
        systems = {claim: system for system, claim in claimants(review).items()}
        return plain(systems.get(label, label), 40)

    def given(self, answer: str, said: str = "") -> str:
        """An answer as it is about to be given: `take:crm`, `ignore`."""
        name, _, value = answer.partition(":")
        return self.t(
            f"reviews.answer_{name}", system=plain(value, 40), value=plain(said, 60), name=plain(said or value, 80)
        )

    def shown(self, value: Value, names: Mapping[str, str]) -> str:
        return self.value(value, names, 200)
