"""Tells the messages that change nothing: a snapshot that repeats the last message of its patient.

`repeats.yaml` says which triggers can repeat and which fields never count. The last message of any
kind about a patient decides: what comes between two equal snapshots (another event, other content)
makes the second a change. A message about several patients, about one that it does not name, or
one that was set aside lies between whatever is before and after it. What a repeat is stored as,
`ingest` knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import md5, sha256
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.lake.query import Connection

BARRIER = "*"
"""Patient of a message about several of them, or about one that cannot be told."""

_STANDARD = np.frombuffer(b"|^~\\&", np.uint8)
_SHIFT = 32
_SQL = f"""
with message as (
    select patient_key, snapshot_sha256, received, message,
        received * {1 << _SHIFT} + message as position
    from raw_hl7v2__message
    where source = $source and received <= $through and patient_key is not null
)
select patient_key, max_by(coalesce(snapshot_sha256, ''), position) as snapshot,
    max_by(received, position) as received, max_by(message, position) as message
from message
where patient_key <> '{BARRIER}'
    and position > (
        select coalesce(max(position), 0) from (
            select position from message where patient_key = '{BARRIER}'
            union all
            select received * {1 << _SHIFT} + position
            from quarantine where source = $source and received <= $through
        )
    )
group by patient_key
having snapshot <> ''
"""

Place = tuple[int, int]


@dataclass(frozen=True)
class Rules:
    """What `repeats.yaml` says: triggers, and by segment the fields that never count."""

    triggers: frozenset[tuple[str, str]]
    without: Mapping[bytes, tuple[int, ...]]


@dataclass(frozen=True)
class Outcome:
    """What became of some messages.

    Attributes:
        repeats: For each the stored message that it repeats; None for a message to be stored.
        patients: For each a hash of its patient, BARRIER, or None.
        snapshots: For each that can repeat, a hash of what counts of it.
    """

    repeats: list[Place | None]
    patients: list[str | None]
    snapshots: list[str | None]


@dataclass
class Snapshots:
    """For each patient whose last message can repeat: what it said and where it stands."""

    last: dict[str, tuple[str, Place]] = field(default_factory=dict)

    @classmethod
    def stored(cls, connection: Connection, source: str, through: int) -> "Snapshots":
        """Read what is stored of a source, up to a file."""
        rows = connection.execute(_SQL, {"source": source, "through": through}).fetchall()
        return cls({patient: (said, (file, at)) for patient, said, file, at in rows})

    def admit(
        self,
        bodies: pa.Array,
        headers: pa.Table,
        places: Sequence[Place],
        aside: NDArray[np.int64],
    ) -> Outcome | None:
        """Take in messages of a file in order; None when none of them can be or have a repeat.

        Args:
            bodies: Their texts.
            headers: Their MSH columns.
            places: Where they stand.
            aside: Before which of them records stand that were set aside; ascending.
        """
        can = _can_repeat(headers)
        if not can.any() and not self.last:
            return None
        patients = patient_keys(bodies)
        repeats: list[Place | None] = [None] * len(places)
        snapshots: list[str | None] = [None] * len(places)
        offsets = _offsets(bodies).tolist()
        data = memoryview(bodies.buffers()[2] or b"")
        between = set(aside.tolist())
        for index in np.flatnonzero(can).tolist():
            snapshots[index] = _snapshot(bytes(data[offsets[index] : offsets[index + 1]]))
        for index, (patient, said) in enumerate(zip(patients, snapshots, strict=True)):
            if index in between:
                self.last.clear()
            if patient == BARRIER:
                self.last.clear()
            elif patient is not None:
                repeats[index] = self._follow(patient, said, places[index])
        if len(places) in between:
            self.last.clear()
        return Outcome(repeats, patients, snapshots)

    def _follow(self, patient: str, said: str | None, place: Place) -> Place | None:
        """Give the message that this one repeats; else it is the patient's last now."""
        if said is None:
            self.last.pop(patient, None)
            return None
        before = self.last.get(patient)
        if before is not None and before[0] == said:
            return before[1]
        self.last[patient] = (said, place)
        return None


@lru_cache(maxsize=1)
def rules() -> Rules:
    """Read the packaged rules."""
    file = resources.files("lakeward.hl7v2").joinpath("repeats.yaml")
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    without = {name.encode("ascii"): tuple(numbers) for name, numbers in content["without"].items()}
    return Rules(frozenset((kind, event) for kind, event, _ in content["triggers"]), without)


def patient_keys(bodies: pa.Array) -> list[str | None]:
    """Hash PID-3.1 of each message; BARRIER for none or several, None for a message without PID."""
    offsets = _offsets(bodies)
    data = np.frombuffer(bodies.buffers()[2] or b"", np.uint8)
    keys: list[str | None] = [None] * len(bodies)
    if not len(bodies):
        return keys
    at = np.minimum(offsets[:-1, None] + np.arange(3, 8), len(data) - 1)
    standard = (data[at] == _STANDARD).all(axis=1)
    owner, spans = _patients(data, offsets)
    view = memoryview(bodies.buffers()[2])
    for message, start, end in zip(owner.tolist(), *(s.tolist() for s in spans), strict=True):
        several = keys[message] is not None or start == end
        keys[message] = BARRIER if several else _hash(view[start:end])
    merging = _find(data, offsets, b"MRG")[0]
    for message in merging.tolist():
        keys[message] = BARRIER
    for message in np.flatnonzero(~standard).tolist():
        body = bytes(view[offsets[message] : offsets[message + 1]])
        keys[message] = _exact_key(body.decode("utf-8"))
    return keys


def _patients(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Find PID-3.1 of every PID segment: its message, first byte and the byte after its last."""
    owner, starts, ends = _find(data, offsets, b"PID")
    bars = np.flatnonzero(data == ord("|"))
    is_stop = data == ord("\r")
    for byte in b"|^~&":
        is_stop |= data == byte
    stops = np.flatnonzero(is_stop)
    third = np.searchsorted(bars, starts) + 2
    first = np.append(bars, len(data))[np.minimum(third, len(bars))] + 1
    inside = first <= ends
    first = np.where(inside, first, ends)
    last = stops[np.minimum(np.searchsorted(stops, first), len(stops) - 1)]
    return owner, (first, np.where(inside, last, ends))


def _find(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], name: bytes
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find the segments of a name: the message, first byte and terminator of each."""
    returns = np.flatnonzero(data == ord("\r"))
    starts = returns[:-1] + 1
    hit = np.ones(len(starts), bool)
    for place, byte in enumerate(name):
        hit &= data[np.minimum(starts + place, len(data) - 1)] == byte
    follows = data[np.minimum(starts + 3, len(data) - 1)]
    hit &= (follows == ord("|")) | (follows == ord("\r"))
    found = starts[hit]
    return np.searchsorted(offsets, found, side="right") - 1, found, returns[1:][hit]


def _exact_key(body: str) -> str | None:
    """Hash PID-3.1 of a message with separators of its own."""
    use = Separators.of(body)
    if use is None:
        return BARRIER
    segments = [segment.split(use.field) for segment in body.split("\r")]
    patients = [fields for fields in segments if fields[0] == "PID"]
    if not patients and not any(fields[0] == "MRG" for fields in segments):
        return None
    field = patients[0][3] if len(patients) == 1 and len(patients[0]) > 3 else ""
    for separator in filter(None, (use.repeat, use.component, use.subcomponent)):
        field = field.split(separator)[0]
    merging = any(fields[0] == "MRG" for fields in segments)
    return BARRIER if merging or not field else _hash(field.encode())


def _hash(identifier: bytes | memoryview) -> str:
    return md5(identifier, usedforsecurity=False).hexdigest()


def _can_repeat(headers: pa.Table) -> NDArray[np.bool_]:
    found = np.zeros(headers.num_rows, bool)
    events = headers["trigger_event"].combine_chunks().dictionary_encode()
    wanted = {event for _, event in rules().triggers}
    codes = [code for code, event in enumerate(events.dictionary.to_pylist()) if event in wanted]
    for row in np.flatnonzero(np.isin(events.indices.fill_null(-1), codes)).tolist():
        kind = headers["message_type"][row].as_py()
        found[row] = (kind, headers["trigger_event"][row].as_py()) in rules().triggers
    return found


def _snapshot(body: bytes) -> str:
    """Hash what counts of a message."""
    separator = body[3:4]
    segments = body.split(b"\r")
    for index, segment in enumerate(segments):
        ignored = rules().without.get(segment[:3])
        if ignored:
            fields = segment.split(separator)
            missing = 1 if segment[:3] == b"MSH" else 0
            for number in ignored:
                if number - missing < len(fields):
                    fields[number - missing] = b""
            segments[index] = separator.join(fields)
    return sha256(b"\r".join(segments)).hexdigest()


def _offsets(bodies: pa.Array) -> NDArray[np.int64]:
    """Give where each body starts, and where the last ends."""
    offsets = np.frombuffer(bodies.buffers()[1], np.int32)
    return offsets[bodies.offset :][: len(bodies) + 1].astype(np.int64)
