"""What was counted from the whole past, kept as one file for each question, so that a page shows it at once and a list opens
without anything being counted again.

A file holds figures, hub ids and points in time, and labels of groups (sources, campaigns, reasons); no name and no address
of anybody. Nobody but the program's own user may read it. Not here: how anything is counted (`counts`), and when (`counting`).
Invariant: a file is there whole or not at all; all of them go when somebody is forgotten (`drop`), and none that was begun
before is ever shown after that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from alignment.funnel.behind import Behind, Rows, Split
from alignment.funnel.columns import Mask
from console.web.arrays import Arrays, Mark
from state.watermark import Watermark

FOLDER, ENDING, IGNORE = "figures", ".npz", ".gitignore"
MOST, SPACE = 200, 600_000_000
"""Results that are kept at once, and their bytes; the oldest goes first. With a million leads a funnel is about 50 MB."""

Cut = tuple[str, str]
"""A dimension and one of its groups."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `name`: of what is counted (a key of `counts.COUNTS`); `of`: what tells it from others of the name, as JSON
    can say it."""

    name: str
    of: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def key(self) -> str:
        told = orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS)
        return f"{self.name}-{hashlib.sha256(told).hexdigest()[:20]}"


def funnel_of(first: date, last: date) -> Question:
    return Question("funnel", {"first": str(first), "last": str(last)})


def objectives_of(labels: Sequence[str]) -> Question:
    """In the periods with these labels."""
    return Question("objectives", {"labels": list(labels)})


class Head(NamedTuple):
    """What is known of a result without its lists. `config`: the mark of the configuration that it was counted by; `value`: as
    JSON says it; `reasons`, `labels`, `sizes`: of the lists, where it comes with any."""

    question: Question
    as_of: datetime
    mark: Watermark
    config: str
    value: Any
    reasons: list[str]
    labels: Mapping[str, list[str]]
    sizes: Mapping[str, int]


class Kept:
    """One result as it was kept. Raises OSError where it is gone."""

    def __init__(self, path: Path) -> None:
        self._arrays = Arrays(path)
        self.head = _head(self._arrays)

    def rows(self, figure: str, cut: Cut | None = None, reason: str | None = None, part: Cut | None = None) -> Rows:
        """Those of a figure, of one group of a dimension, of one reason, of one stretch of time. Raises KeyError for names that
        there are not."""
        arrays, rows = self._arrays, self._rows(figure)
        for name, label in filter(None, (cut, part)):
            split = _split(arrays, name, self.head)
            if label not in split.labels:
                raise KeyError(label)
            rows = rows.of(split.of(figure, rows) == split.labels.index(label))
        if reason is not None:
            place = self.head.reasons.index(reason) if reason in self.head.reasons else -1
            mask: Mask = rows.more["reason"] == place
            rows = rows.of(mask)
        return rows

    def counted(self, figures: list[str], by: str, cut: Cut | None = None) -> dict[str, list[int]]:
        """How many rows of each figure are in each group of a dimension, in the order of its labels."""
        split = _split(self._arrays, by, self.head)
        only = _split(self._arrays, cut[0], self.head) if cut else None
        found = {}
        for figure in figures:
            rows = self._rows(figure)
            if only is not None and cut is not None:
                rows = rows.of(only.of(figure, rows) == only.labels.index(cut[1]))
            found[figure] = np.bincount(split.of(figure, rows), minlength=len(split.labels)).tolist()
        return found

    def ids(self, kind: Literal["leads", "deals"], places: NDArray[np.integer[Any]]) -> list[str]:
        return [bytes(one).hex() for one in self._arrays[kind][places]]

    def lead_of(self, deals: NDArray[np.integer[Any]]) -> list[str | None]:
        """The lead that each deal is attributed to."""
        leads = self._arrays["leads"]
        return [bytes(leads[place]).hex() if place >= 0 else None for place in self._arrays["lead_of"][deals].tolist()]

    def _rows(self, figure: str) -> Rows:
        if figure not in self.head.sizes:
            raise KeyError(figure)
        prefix = f"rows/{figure}/"
        more = {name.removeprefix(prefix): self._arrays[name] for name in self._arrays if name.startswith(prefix)}
        return Rows(more.pop("who"), more)


def place_of(folder: Path, question: Question) -> Path:
    return folder / FOLDER / f"{question.key}{ENDING}"


def find(folder: Path, question: Question) -> Kept | None:
    """None where nothing is, or nothing that could be read."""
    try:
        return Kept(place_of(folder, question))
    except (OSError, ValueError, KeyError):
        return None


def keep(
    folder: Path, question: Question, as_of: datetime, mark: Watermark, config: str, value: Any, found: Behind | None = None
) -> Path:  # fmt: skip
    """Takes the place of what was kept of the same question. `found`: who stands behind the figures."""
    head = {
        "question": question.document(), "as_of": as_of, "mark": list(mark), "config": config, "value": value,
        "reasons": found.reasons if found else [],
        "labels": {name: one.labels for name, one in found.splits.items()} if found else {},
        "sizes": {name: len(rows) for name, rows in found.figures.items()} if found else {},
    }  # fmt: skip
    told = orjson.dumps(head, option=orjson.OPT_NON_STR_KEYS, default=_plain)
    arrays = {"head": np.frombuffer(told, np.uint8)} | (_arrays(found) if found else {})
    path = place_of(folder, question)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _hide(path.parent)
    new = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            np.savez(file, **arrays)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    _make_room(path.parent)
    return path


def _arrays(found: Behind) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "leads": _bytes(found.leads), "deals": _bytes(found.deals), "lead_of": found.lead_of,
    }  # fmt: skip
    for name, rows in found.figures.items():
        arrays |= {f"rows/{name}/who": rows.who} | {f"rows/{name}/{more}": one for more, one in rows.more.items()}
    for name, split in found.splits.items():
        arrays |= {f"split/{name}/leads": split.leads, f"split/{name}/deals": split.deals}
        if split.edges is not None:
            arrays[f"split/{name}/edges"] = split.edges
    return arrays


def _make_room(folder: Path) -> None:
    space = SPACE
    files = [(file.stat(), file) for file in folder.glob(f"[!.]*{ENDING}")]
    for place, (told, file) in enumerate(sorted(files, key=lambda one: -one[0].st_mtime_ns)):
        space -= told.st_size
        if place >= MOST or (place and space < 0):
            file.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """What JSON has no word for: named tuples, sets, times."""
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)


def drop(folder: Path) -> None:
    """All of it, also what is being written at this moment."""
    for path in (folder / FOLDER).glob("*"):
        if path.name != IGNORE and path.is_file():
            path.unlink(missing_ok=True)


def _hide(folder: Path) -> None:
    """From git, also in projects that were made before this folder was known."""
    file = folder / IGNORE
    if not file.exists():
        file.write_text("*\n", "utf-8")


_heads: dict[Mark, Head] = {}
"""Of what was opened lately: to read one takes longer than a page."""


def _head(arrays: Arrays) -> Head:
    head = _heads.get(arrays.mark)
    if head is None:
        said = orjson.loads(arrays["head"].tobytes())
        head = Head(
            Question(**said["question"]), datetime.fromisoformat(said["as_of"]).astimezone(UTC), Watermark(*said["mark"]),
            said["config"], said["value"], said["reasons"], said["labels"], said["sizes"],
        )  # fmt: skip
        if len(_heads) >= MOST:
            _heads.clear()
        _heads[arrays.mark] = head
    return head


def _bytes(ids: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex("".join(ids)), np.uint8).reshape(-1, 16)


def _split(arrays: Mapping[str, NDArray[Any]], name: str, head: Head) -> Split:
    if name not in head.labels:
        raise KeyError(name)
    edges = f"split/{name}/edges"
    return Split(
        tuple(head.labels[name]), arrays[f"split/{name}/leads"], arrays[f"split/{name}/deals"],
        arrays.get(edges),
    )  # fmt: skip
