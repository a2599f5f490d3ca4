"""Which files are read when, and in which order.

Files add up: the one changed last is read last, so that of two lines about one record the later one stands, and a file
that vanishes takes no record with it. Of complete lists only the one changed last counts, is read from its beginning
whenever it changed, and tells by whom it lacks who is gone.

Invariant: absence is claimed only of a list that was read in one piece, whole, without one bad line.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.base import Clock, Cursor, Page, Record
from connectors.file.contents import BLOCK, Contents, Step
from connectors.file.cursor import Note, Position, Positions
from connectors.file.folder import Found, look
from connectors.file.records import OfActivities, OfRecords, Shape
from connectors.file.settings import Activities, Records, Settings, Source

LOOKED_AT = 100
"""Files, the newest ones, that are opened to learn which columns there are."""


@dataclass
class Reading:
    """The files of one kind. `block`: bytes of a file that make a page; `count` is called for every file opened."""

    settings: Settings
    streams: Mapping[str, Source]
    clock: Clock
    count: Callable[[], None]
    block: int = BLOCK

    def pages(self, fields: Sequence[str], since: Cursor | None) -> Generator[Page, None, None]:
        """As `Connector.read`. Raises Misconfigured, Unauthorized, Unavailable."""
        positions = Positions.of(since, self.streams)
        complete = False
        for stream, source in self.streams.items():
            position, shape = positions.streams[stream], shape_of(stream, source, fields)
            found, refused = look(self.settings.folder, source.files)
            new = [one for one in refused if one.name not in position.refused]
            position.refused = [one.name for one in refused]
            if new:
                told = [Record(one.name, {}, problem=f"{one.name} is not read. {one.why}") for one in new]
                yield Page(told, positions.cursor())
            if _is_list(source):
                complete = yield from self._list(positions, position, shape, found)
            else:
                yield from self._files(positions, position, shape, found)
        positions.window = None
        yield Page([], positions.cursor(), complete)

    def now(self, fields: Sequence[str]) -> Iterator[list[Record]]:
        """What is so now, the later line about a record after the earlier one. Raises what `pages` raises."""
        for stream, source in self.streams.items():
            found, _ = look(self.settings.folder, source.files)
            settled = [file for file in found if not self._young(file)]
            for file in settled[-1:] if _is_list(source) else settled:
                contents = self._contents(file, shape_of(stream, source, fields))
                self.count()
                for step in contents.read():
                    yield [record for record in step.records if record.problem is None]

    def columns(self) -> Iterator[tuple[Source, list[str]]]:
        """What the files call their columns, those of the newest file last. Raises what `pages` raises."""
        for stream, source in self.streams.items():
            found, _ = look(self.settings.folder, source.files)
            for file in found[-LOOKED_AT:]:
                self.count()
                yield source, self._contents(file, shape_of(stream, source, ())).columns()
            yield source, []

    def _files(self, positions: Positions, position: Position, shape: Shape, found: Sequence[Found]) -> Iterator[Page]:
        names = {file.name for file in found}
        position.files = {name: note for name, note in position.files.items() if name in names}
        for file in found:
            note = position.files.get(file.name)
            if self._young(file) or (note and note.done(file)):
                continue
            if positions.window and datetime.fromtimestamp(file.mtime / 1e9, UTC) < positions.window:
                position.files[file.name] = Note(file.size, file.mtime, file.size, 0, "")
                continue
            yield from self._steps(positions, position, self._contents(file, shape), note)

    def _list(
        self, positions: Positions, position: Position, shape: Shape, found: Sequence[Found]
    ) -> Generator[Page, None, bool]:
        """Returns whether the list was read whole. It is read when it is finished, or not at all."""
        if not found or self._young(found[-1]):
            return False
        file = found[-1]
        note = position.files.get(file.name)
        if note and note.done(file) and not position.again:
            return False
        contents = self._contents(file, shape)
        if contents.patient and not contents.finished():
            return False
        half = note if note and note.unchanged(file) and not note.done(file) else None
        position.files = {file.name: half} if half else {}
        position.again = half is not None
        yield from self._steps(positions, position, contents, half)
        position.again = contents.resumed
        return contents.ended and not (contents.problems or contents.resumed or positions.window)

    def _steps(self, positions: Positions, position: Position, contents: Contents, note: Note | None) -> Iterator[Page]:
        self.count()
        for step in contents.read(note):
            position.files[contents.file.name] = step.note
            yield Page(self._within(step, positions.window), positions.cursor())

    def _contents(self, file: Found, shape: Shape) -> Contents:
        patient = self._younger(file, self.settings.unfinished_seconds)
        return Contents(file, shape, patient=patient, block=self.block)

    def _young(self, file: Found) -> bool:
        return self._younger(file, self.settings.settle_seconds)

    def _younger(self, file: Found, seconds: float) -> bool:
        """Whether it changed within so many seconds; a time far in the future is a wrong clock, not youth."""
        return abs(self.clock().timestamp() - file.mtime / 1e9) < seconds

    def _within(self, step: Step, window: datetime | None) -> list[Record]:
        if window is None:
            return step.records
        return [record for record in step.records if record.changed_at is None or record.changed_at >= window]


def shape_of(stream: str, source: Source, fields: Sequence[str]) -> Shape:
    if isinstance(source, Activities):
        return OfActivities(stream, source, fields)
    if isinstance(source, Records):
        return OfRecords(source, fields)
    raise TypeError(f"files of {type(source).__name__}")


def _is_list(source: Source) -> bool:
    return isinstance(source, Records) and source.complete
