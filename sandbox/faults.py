"""What can go wrong between a client and a vendor, switched on by rule, and the same again for the same seed.

A rule says what happens (`kind`), to which requests (`path`, `method`: regular expressions) and how often
(`nth`, `every`, `probability`, `times`; several are combined with "and"). This file only chooses; `sandbox.gate`
carries out.

Kinds, in the order of the request's way:
  latency         answered `seconds` late
  error           5xx (or `status`) before the request is handled: nothing was written
  rate_limited    429 in the vendor's words, whatever its real limits say
  hangup_before   the connection drops, nothing was written
  timeout_before  no answer for `seconds`, then the connection drops; nothing was written
  duplicate_page  a page shows the records of the page before it once more
  shift_page      a page starts `shift` records away from where it should, as when records moved between two pages
  hangup_after    the request is handled, then the connection drops without an answer
  timeout_after   the request is handled, then no answer for `seconds`, then the connection drops
  error_after     the request is handled, and answered with 5xx (or `status`)
  truncated       the connection drops in the middle of the answer's body
  cut_json        a complete answer, whose JSON stops in the middle
  not_json        a complete answer, status 200 (or `status`), that is an HTML page
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    "latency",
    "error",
    "rate_limited",
    "hangup_before",
    "timeout_before",
    "duplicate_page",
    "shift_page",
    "hangup_after",
    "timeout_after",
    "error_after",
    "truncated",
    "cut_json",
    "not_json",
]
BEFORE = frozenset({"error", "rate_limited", "hangup_before", "timeout_before"})
PAGES = frozenset({"duplicate_page", "shift_page"})
AFTER = frozenset({"hangup_after", "timeout_after", "error_after", "truncated", "cut_json", "not_json"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. `nth` counts the requests that match `path` and `method`, from 1; `seconds` is a duration."""

    kind: Kind
    path: str = ""
    method: str = ""
    probability: float = 1.0
    nth: tuple[int, ...] = ()
    every: int = 0
    times: int | None = None
    status: int | None = None
    seconds: float = 0.0
    shift: int = -1

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault is called {self.kind!r}: use one of {', '.join(get_args(Kind))}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability is {self.probability}, expected 0 to 1")

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Fault:
        """From JSON. Raises ValueError, in words, for what it does not know."""
        unknown = set(rule) - set(cls.__dataclass_fields__)
        if unknown or "kind" not in rule:
            raise ValueError(f"a fault has {', '.join(cls.__dataclass_fields__)}; got {', '.join(rule)}")
        return cls(**{**rule, "nth": tuple(rule.get("nth", ()))})


@dataclass(slots=True)
class Armed:
    """A rule that is switched on: how many requests it has seen, how often it struck."""

    fault: Fault
    dice: random.Random
    path: re.Pattern[str] = field(init=False)
    method: re.Pattern[str] = field(init=False)
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        self.path = re.compile(self.fault.path)
        self.method = re.compile(self.fault.method)

    def strikes(self, method: str, path: str, *, spoken_for: bool) -> bool:
        """`spoken_for`: an earlier rule has this request; it still counts as seen."""
        fault = self.fault
        if not (self.path.search(path) and self.method.search(method)):
            return False
        self.seen += 1
        # The die is cast for every request, so that `times` and `nth` do not change what the later ones get.
        lucky = self.dice.random() >= fault.probability
        if (
            spoken_for
            or lucky
            or (fault.nth and self.seen not in fault.nth)
            or (fault.every and self.seen % fault.every)
        ):
            return False
        if fault.times is not None and self.struck >= fault.times:
            return False
        self.struck += 1
        return True


class Faults:
    """The switches of one server. Each rule has its own dice: adding a rule changes nothing for the others."""

    def __init__(self, rules: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.seed = seed
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self._count = 0
        for rule in rules:
            self.add(rule)

    def add(self, rule: Fault | Kind, **how: Any) -> Fault:
        """Switch a rule on: `add("error", path="/batch/", nth=(2,))`, or a ready `Fault`."""
        fault = rule if isinstance(rule, Fault) else Fault(rule, **how)
        with self._lock:
            self._armed.append(Armed(fault, random.Random(f"{self.seed}/{self._count}")))
            self._count += 1
        return fault

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()
            self._count = 0

    def replace(self, rules: Iterable[Fault], *, seed: int | None = None) -> None:
        self.clear()
        if seed is not None:
            self.seed = seed
        for rule in rules:
            self.add(rule)

    def choose(self, method: str, path: str) -> list[Fault]:
        """The faults that strike this request: every latency, one page fault at most, and one fault at most of the
        others (the first rule that strikes)."""
        latencies: list[Fault] = []
        page: Fault | None = None
        other: Fault | None = None
        with self._lock:
            for armed in self._armed:
                kind = armed.fault.kind
                taken = page if kind in PAGES else other if kind != "latency" else None
                if not armed.strikes(method, path, spoken_for=taken is not None):
                    continue
                if kind == "latency":
                    latencies.append(armed.fault)
                elif kind in PAGES:
                    page = armed.fault
                else:
                    other = armed.fault
        return latencies + [fault for fault in (page, other) if fault]

    def struck(self, kind: Kind | None = None) -> int:
        """How often faults (of one kind) struck so far."""
        return sum(armed.struck for armed in self._armed if kind in (None, armed.fault.kind))

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            rules = [{**asdict(armed.fault), "seen": armed.seen, "struck": armed.struck} for armed in self._armed]
        return {"seed": self.seed, "rules": rules}


def page_start(fault: Fault | None, start: int, size: int) -> int:
    """Where a page that should begin at record `start` begins under a page fault; the first page never changes."""
    if fault is None or start == 0:
        return start
    return max(0, start - size if fault.kind == "duplicate_page" else start + fault.shift)
