"""How a project counts its funnel: what the configuration says, and what holds where it says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from mapping.agreement.funnel import FunnelSettings
from mapping.conditions import Condition, leaves
from mapping.config import ProjectFile
from mapping.derived import PERSONA, lifecycle_of, shared_fields
from mapping.lifecycle import Lifecycle

OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Terms:
    """`next`: step -> the step after it. `cuts`: the fields of leads to tell figures apart by."""

    config: ProjectFile
    lifecycle: Lifecycle
    steps: tuple[str, ...]
    passed: str
    accepted: str
    converted: str
    sales_qualified: str
    cuts: tuple[str, ...]

    @property
    def settings(self) -> FunnelSettings:
        return self.config.funnel

    @property
    def next(self) -> dict[str, str]:
        return dict(zip(self.steps, self.steps[1:], strict=False))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of leads that are looked at."""
        asked: list[Condition] = [one.when for one in self.config.personas]
        asked += [one.when for one in self.settings.segments]
        if self.settings.sourced is not None:
            asked.append(self.settings.sourced)
        names = [name for condition in asked for _, name, _ in leaves(condition)]
        return tuple(dict.fromkeys([*(name for name in self.cuts if name != PERSONA), OWNER, *names]))


def terms_of(config: ProjectFile) -> Terms:
    said, lifecycle = config.funnel, lifecycle_of(config)
    ladder = lifecycle.ladder
    qualified = config.vocabulary.sales_qualified
    passed = said.passed or ("mql" if "mql" in ladder else ladder[max(0, ladder.index(qualified) - 1)])
    after = ladder.index(passed) + 1
    return Terms(
        config=config,
        lifecycle=lifecycle,
        steps=said.steps or ladder,
        passed=passed,
        accepted=said.accepted or ladder[min(after, len(ladder) - 1)],
        converted=said.converted or ("customer" if "customer" in ladder else ladder[-1]),
        sales_qualified=qualified,
        cuts=tuple(name for name in said.cuts if name in shared_fields(config, "lead")),
    )
