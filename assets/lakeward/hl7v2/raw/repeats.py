"""Finds the messages that change nothing: a snapshot that repeats the last message of its patient.

`repeats.yaml` says which triggers can repeat and which fields never count. Some systems send an
update (A08) of every patient once a minute, whether anything changed or not.

    message of patient 7     stored?
    A08, content X           yes
    A08, content X           no: equals the last message about the patient
    A02 (a move)             yes: an event is never a repeat
    A08, content X           yes: a move came between, so the same words are a change back
    A08, content Y           yes
    A08, content X           yes: content Y came between

A message about several patients, about one that it does not name, or a rejected one lies between
whatever is before and after it: it may be about anybody. Storing one too many does no harm, where
losing a change would. What a repeat is stored as is decided in `load`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import md5
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from lakeward.core.files import sha256_of
from lakeward.hl7v2.arrays import CR, Bools, Bytes, Ints, text_bytes, text_offsets
from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.lake.query import Connection

BARRIER = "*"
"""Patient of a message about several of them, or about one that it does not name."""

_STANDARD = np.frombuffer(b"|^~\\&", np.uint8)
_SHIFT = 32
"""A position is `received << 32 | message`: one number that grows with every raw message."""

# last message of each patient, unless a message about nobody or a rejected record came after it
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

MessagePosition = tuple[int, int]
"""`received` of a file, and the number of the message in it."""


@dataclass(frozen=True)
class RepeatRules:
    """What `repeats.yaml` says: triggers, and by segment the fields that never count."""

    triggers: frozenset[tuple[str, str]]
    without: Mapping[bytes, tuple[int, ...]]


@dataclass(frozen=True)
class RepeatOutcome:
    """What became of some messages: lists of one entry a message.

    Attributes:
        repeats: For each the stored message that it repeats; None for a message to be stored.
        patients: For each a hash of its patient, BARRIER, or None.
        snapshots: For each that can repeat, a hash of what counts of it.
    """

    repeats: list[MessagePosition | None]
    patients: list[str | None]
    snapshots: list[str | None]


@dataclass
class Snapshots:
    """The snapshots that a next message could repeat.

    Attributes:
        last: By hash of the patient, the hash of what the last message stated and its position;
            only patients whose last message can be repeated.
    """

    last: dict[str, tuple[str, MessagePosition]] = field(default_factory=dict)

    @classmethod
    def stored(cls, connection: Connection, source: str, through: int) -> "Snapshots":
        """Read what is stored of a source, up to a file.

        Args:
            connection: Over raw and quarantine.
            source: Name of the interface.
            through: `received` of the last file that counts.
        """
        rows = connection.execute(_SQL, {"source": source, "through": through}).fetchall()
        return cls({patient: (snapshot, (file, at)) for patient, snapshot, file, at in rows})

    def admit(
        self,
        bodies: pa.Array,
        headers: pa.Table,
        positions: Sequence[MessagePosition],
        rejected: Ints,
    ) -> RepeatOutcome | None:
        """Take in messages of a file in order; None when none of them can be or have a repeat.

        Args:
            bodies: Their texts.
            headers: Their MSH columns, see `headers.headers_of`.
            positions: Where they stand.
            rejected: Indices of the messages before which rejected records stand; ascending.
        """
        can = _can_repeat(headers)
        if not can.any() and not self.last:
            return None  # most files hold events only: nothing needs to be hashed
        patients = patient_keys(bodies)
        repeats: list[MessagePosition | None] = [None] * len(positions)
        snapshots: list[str | None] = [None] * len(positions)
        offsets = text_offsets(bodies).tolist()
        data = memoryview(bodies.buffers()[2] or b"")
        after_rejected = set(rejected.tolist())
        for index in np.flatnonzero(can).tolist():
            snapshots[index] = _snapshot(bytes(data[offsets[index] : offsets[index + 1]]))
        for index, (patient, snapshot) in enumerate(zip(patients, snapshots, strict=True)):
            if index in after_rejected:
                self.last.clear()
            # it may be about anybody, so nobody's last message is known to be the last one any more
            if patient == BARRIER:
                self.last.clear()
            elif patient is not None:
                repeats[index] = self._follow(patient, snapshot, positions[index])
        # rejected records behind the last message lie before the first one of the next block
        if len(positions) in after_rejected:
            self.last.clear()
        return RepeatOutcome(repeats, patients, snapshots)

    def _follow(
        self, patient: str, snapshot: str | None, position: MessagePosition
    ) -> MessagePosition | None:
        """Return the message that this one repeats; if none, remember it as the patient's last.

        A repeat is not remembered: the stored message stays the one that is repeated.
        """
        if snapshot is None:
            self.last.pop(patient, None)
            return None
        before = self.last.get(patient)
        if before is not None and before[0] == snapshot:
            return before[1]
        self.last[patient] = (snapshot, position)
        return None


@lru_cache(maxsize=1)
def repeat_rules() -> RepeatRules:
    """Read the packaged rules."""
    file = resources.files("lakeward.hl7v2").joinpath("repeats.yaml")
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    without = {name.encode("ascii"): tuple(numbers) for name, numbers in content["without"].items()}
    return RepeatRules(frozenset((kind, event) for kind, event, _ in content["triggers"]), without)


def patient_keys(bodies: pa.Array) -> list[str | None]:
    """Hash PID-3.1 of each message; BARRIER for none or several, None for a message without PID.

    A merge (MRG) is about two patients. Messages with the usual separators are searched as arrays,
    the few others one by one.
    """
    offsets, data = text_offsets(bodies).astype(np.int64), text_bytes(bodies)
    keys: list[str | None] = [None] * len(bodies)
    if not len(bodies):
        return keys
    # MSH-1 and MSH-2 are the bytes 3 to 7 of a message
    at = np.minimum(offsets[:-1, None] + np.arange(3, 8), len(data) - 1)
    is_standard = (data[at] == _STANDARD).all(axis=1)
    owner, spans = _find_patients(data, offsets)
    view = memoryview(bodies.buffers()[2])
    for message, start, end in zip(owner.tolist(), *(s.tolist() for s in spans), strict=True):
        several = keys[message] is not None or start == end
        keys[message] = BARRIER if several else _hash(view[start:end])
    merging = _find_segments(data, offsets, b"MRG")[0]
    for message in merging.tolist():
        keys[message] = BARRIER
    for message in np.flatnonzero(~is_standard).tolist():
        body = bytes(view[offsets[message] : offsets[message + 1]])
        keys[message] = _exact_key(body.decode("utf-8"))
    return keys


def _find_patients(data: Bytes, offsets: Ints) -> tuple[Ints, tuple[Ints, Ints]]:
    """Find PID-3.1 of every PID segment: its message, first byte and the byte after its last."""
    owner, starts, ends = _find_segments(data, offsets, b"PID")
    bars = np.flatnonzero(data == ord("|"))
    is_stop = data == CR
    for byte in b"|^~&":
        is_stop |= data == byte
    stops = np.flatnonzero(is_stop)
    third_bar = np.searchsorted(bars, starts) + 2
    # PID-3 begins behind the third bar; PID-3.1 ends at the first separator of any kind
    first = np.append(bars, len(data))[np.minimum(third_bar, len(bars))] + 1
    inside = first <= ends  # else the segment has fewer fields, and the bar is another segment's
    first = np.where(inside, first, ends)
    last = stops[np.minimum(np.searchsorted(stops, first), len(stops) - 1)]
    return owner, (first, np.where(inside, last, ends))


def _find_segments(data: Bytes, offsets: Ints, name: bytes) -> tuple[Ints, Ints, Ints]:
    """Find the segments of a name: the message, first byte and terminator of each."""
    returns = np.flatnonzero(data == CR)
    starts = returns[:-1] + 1
    is_named = np.ones(len(starts), bool)
    for at, byte in enumerate(name):
        is_named &= data[np.minimum(starts + at, len(data) - 1)] == byte
    follows = data[np.minimum(starts + 3, len(data) - 1)]
    is_named &= (follows == ord("|")) | (follows == CR)
    found = starts[is_named]
    return np.searchsorted(offsets, found, side="right") - 1, found, returns[1:][is_named]


def _exact_key(body: str) -> str | None:
    """Hash PID-3.1 of one message with separators of its own, as `patient_keys` describes."""
    separators = Separators.of(body)
    if separators is None:
        return BARRIER
    segments = [segment.split(separators.field) for segment in body.split("\r")]
    # the same rules as for all others: several PID, MRG or an empty PID-3.1 are about anybody
    patients = [fields for fields in segments if fields[0] == "PID"]
    if not patients and not any(fields[0] == "MRG" for fields in segments):
        return None
    field = patients[0][3] if len(patients) == 1 and len(patients[0]) > 3 else ""
    for separator in filter(
        None, (separators.repeat, separators.component, separators.subcomponent)
    ):
        field = field.split(separator)[0]
    merging = any(fields[0] == "MRG" for fields in segments)
    return BARRIER if merging or not field else _hash(field.encode())


def _hash(identifier: bytes | memoryview) -> str:
    # to hold patients apart, not to protect them: the column is classed as a key that links
    return md5(identifier, usedforsecurity=False).hexdigest()


def _can_repeat(headers: pa.Table) -> Bools:
    """Return for each message whether its trigger is one of those that can repeat."""
    # by event first, which is dictionary-encoded: the few that match are looked at one by one
    found = np.zeros(headers.num_rows, bool)
    events = headers["trigger_event"].combine_chunks().dictionary_encode()
    listed = {event for _, event in repeat_rules().triggers}
    codes = [code for code, event in enumerate(events.dictionary.to_pylist()) if event in listed]
    for row in np.flatnonzero(np.isin(events.indices.fill_null(-1), codes)).tolist():
        kind = headers["message_type"][row].as_py()
        found[row] = (kind, headers["trigger_event"][row].as_py()) in repeat_rules().triggers
    return found


def _snapshot(body: bytes) -> str:
    """Hash what counts of a message: all but the fields that differ each time it is sent."""
    separator = body[3:4]
    segments = body.split(b"\r")
    for index, segment in enumerate(segments):
        ignored = repeat_rules().without.get(segment[:3])
        if ignored:
            fields = segment.split(separator)
            shift = 1 if segment[:3] == b"MSH" else 0  # MSH-1 is the separator itself
            for number in ignored:
                if number - shift < len(fields):
                    fields[number - shift] = b""
            segments[index] = separator.join(fields)
    return sha256_of(b"\r".join(segments))
