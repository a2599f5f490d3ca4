"""One system's mapping, compiled: remote values to hub values and back. Pure and hot: called once per record.

A transform need not be lossless (a CRM shortens titles, a picklist knows fewer stages than we do). What makes that
safe is `roundtrip`: a remote value that equals what the hub's value would come back as is no change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

from mapping.conditions import Condition, leaves
from mapping.fields import OPTED_OUT, Fields, Kind, Value

Decode = Callable[[Any], Value]
Encode = Callable[[Value], Any]


@dataclass(frozen=True, slots=True)
class FieldMap:
    """How one hub field lives in one system.

    `decode` turns blanks and placeholders into None and raises ValueError, in words for a person, for what it cannot
    read; `encode` likewise for what the system cannot hold. `spec` is the canonical text of the entry in the admin's
    file: when it changes, the field's bases no longer count.
    """

    hub: str
    remote: str
    decode: Decode
    encode: Encode
    pull: bool = True
    push: bool = True
    clears: bool = False
    once: bool = False
    """Written only to a record that is yet to be."""
    spec: str = ""
    default: bool | int | float | str | None = None
    """Written for a blank where the system insists on a value; `decode` reads it as the blank that it is."""
    near: str | None = None
    refers: Kind | None = None
    """The kind of hub record that the field refers to. Its hub value is that record's id, or a sorted list of ids where
    it is `many`; its remote value the id of the record there. The engine turns one into the other."""
    many: bool = False
    decode_near: Callable[[Any, Value], Value] | None = None
    """Where a value is read in the light of another hub field of its record, called `near`: a telephone number by its
    country. Takes the place of `decode` in `to_hub`; what was written is read the same by either."""


NONE: Mapping[str, Sequence[tuple[str, str]]] = {}
CONSENT: Mapping[str, str] = {OPTED_OUT: OPTED_OUT}
NOWHERE: Mapping[str, str] = {}
NO_CONDITIONS: Mapping[str, Condition] = {}
NOTHING: frozenset[str] = frozenset()


class Problem(NamedTuple):
    """A value that could not be read or written: it costs its record, never the run."""

    field: str
    remote: str
    value: str
    message: str


class Mapper:
    """Everything the engine asks of one system's mapping.

    `id_field` is the remote field that carries our own id, where the system has one. `match` are hub fields by which
    an unknown record is recognised, strongest first, each entry one or more fields that must all be equal; `propose`
    the same for what is only likely, and for a person to say. `known_as`: a record's id -> (system, id) of records that are
    known to be the same, before anything is compared. `consent`: the fields that say what somebody has opted out of ->
    the field that each is a copy of (itself, where it is none). `asks`: `create_when` and `sync_when` as they were written, by
    name, to be explained. `archives`: where a record that has left `sync_when` is archived here, eight bytes that stand
    for the rule and for what it goes by; None where it is left alone. `entered`: stage -> the remote field that tells when
    it was entered there.
    """

    def __init__(
        self,
        system: str,
        maps: Sequence[FieldMap],
        *,
        role: str = "other",
        match: Sequence[tuple[str, ...]] = (("email",),),
        propose: Sequence[tuple[str, ...]] = (),
        known_as: Mapping[str, Sequence[tuple[str, str]]] = NONE,
        id_field: str | None = None,
        consent: Mapping[str, str] = CONSENT,
        create_when: Callable[[Fields], bool] = lambda hub: True,
        sync_when: Callable[[Fields], bool] = lambda hub: True,
        asks: Mapping[str, Condition] = NO_CONDITIONS,
        archives: bytes | None = None,
        entered: Mapping[str, str] = NOWHERE,
    ) -> None:
        self.system = system
        self.role = role
        self.maps = {m.hub: m for m in maps}
        self.match = tuple(match)
        self.propose = tuple(propose)
        self.known_as = known_as
        self.id_field = id_field
        self.consent = consent
        self.create_when = create_when
        self.sync_when = sync_when
        self.asks = asks
        self.archives = archives
        self.entered = entered
        dates = list(entered.values())
        self._shared_dates = frozenset(field for field in dates if dates.count(field) > 1)
        self.ruled_by = frozenset(name for _, name, _ in leaves(asks["sync_when"])) if "sync_when" in asks else NOTHING
        """The fields that `sync_when` looks at."""
        self.pulled = frozenset(m.hub for m in maps if m.pull)
        self.pushed = frozenset(m.hub for m in maps if m.push)
        self.updated = tuple(sorted(m.hub for m in maps if m.push and not m.once))
        self.clears = frozenset(m.hub for m in maps if m.clears)
        self.references = {m.hub: m for m in maps if m.refers}
        read = [m.remote for m in maps if m.pull] + ([id_field] if id_field else [])
        self.remote_fields = tuple(dict.fromkeys([*read, *entered.values()]))
        self.pick = _picker(self.remote_fields)
        self.specs = {m.hub: blake2b(m.spec.encode(), digest_size=6).hexdigest() for m in maps}
        told = [f"{m.hub} {m.spec}" for m in maps] + [f"{stage} since {remote}" for stage, remote in entered.items()]
        self.hash = blake2b("\n".join(told).encode(), digest_size=8).digest()
        self.hasher = blake2b(self.hash, digest_size=8)
        """To copy: where the digest of a record begins."""
        self._insisted = [(m.remote, m.default) for m in maps if m.push and m.default is not None]
        self._pulls = [(m.remote, m.hub, m.decode) for m in maps if m.pull and not m.decode_near]
        self._nears = [(m.remote, m.hub, m.decode_near, m.near or "") for m in maps if m.pull and m.decode_near]

    def to_hub(self, remote: Mapping[str, Any]) -> tuple[Fields, list[Problem]]:
        """The hub values of a remote record; a remote field that was not read is absent."""
        hub: Fields = {}
        problems: list[Problem] = []
        for name, field, decode in self._pulls:
            if name in remote:
                try:
                    hub[field] = decode(remote[name])
                except ValueError as error:
                    problems.append(Problem(field, name, shown(remote[name]), str(error)))
        for name, field, decode_near, near in self._nears:
            if name in remote:
                try:
                    hub[field] = decode_near(remote[name], hub.get(near))
                except ValueError as error:
                    problems.append(Problem(field, name, shown(remote[name]), str(error)))
        return hub, problems

    def dates(self, remote: Mapping[str, Any], stage: Value) -> dict[str, Any]:
        """When the stages were entered, in the vendor's own words, as a record tells that is in `stage`. A field that dates
        several stages (when a deal came to an end, good or bad) dates the one that the record is in."""
        return {
            name: told
            for name, field in self.entered.items()
            if (told := remote.get(field)) and (name == stage or field not in self._shared_dates)
        }

    def to_remote(self, hub: Mapping[str, Value]) -> tuple[dict[str, Any], list[Problem]]:
        """The remote values for the hub fields given (pushed ones only)."""
        remote: dict[str, Any] = {}
        problems: list[Problem] = []
        for field, value in hub.items():
            if field in self.pushed:
                m = self.maps[field]
                try:
                    remote[m.remote] = m.default if value is None else m.encode(value)
                except ValueError as error:
                    problems.append(Problem(field, m.remote, shown(value), str(error)))
        return remote, problems

    def to_create(self, hub: Mapping[str, Value]) -> tuple[dict[str, Any], list[Problem]]:
        """As `to_remote`, for a record that is yet to be: what the system insists on is never missing."""
        remote, problems = self.to_remote(hub)
        for name, default in self._insisted:
            if remote.get(name) is None:
                remote[name] = default
        return remote, problems

    def roundtrip(self, field: str, value: Value) -> Value:
        """What the hub's value comes back as once this system has held it. A value that the system cannot hold
        comes back as itself."""
        m = self.maps[field]
        if value is None:
            return None
        try:
            return m.decode(m.encode(value))
        except ValueError:
            return value

    def same(self, field: str, remote: Value, hub: Value) -> bool:
        """Equal modulo the mapping's own round trip."""
        return remote == hub or remote == self.roundtrip(field, hub)


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """The values of these fields, in order. Raises KeyError where one was not read."""
    return itemgetter(*names) if len(names) > 1 else lambda fields: [fields[name] for name in names]


def shown(value: object, limit: int = 80) -> str:
    """A value for a message: short, printable, harmless to any terminal or encoding."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # Python will not spell out a number of thousands of digits
        text = "a number of very many digits"
    head = text[:limit]
    if not head.isprintable():
        head = head.encode("unicode_escape", "surrogatepass").decode("ascii")
    return head + ("…" if len(text) > limit else "")
