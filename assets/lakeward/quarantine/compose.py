"""Rejected records into replay files: what a format would read as the same records again.

A file takes the records of one landed file, so that it can inherit what is known of that one, and
a record that could run into its neighbours gets a file of its own. Whether it would be loaded is
asked of the format, see `replay`.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from lakeward.core.files import sha256_of
from lakeward.core.paths import replay_file
from lakeward.lake.tables import Lake
from lakeward.quarantine.records import Rejected, contents, read_content


@dataclass(frozen=True)
class Shape:
    """How records of a format stand in one file.

    Attributes:
        suffix: Of the file's name.
        separator: What stands after each record.
        keeps_lines: A record's position is its line, and blank lines are nothing: then each record
            gets the line that it had, which orders versions of one resource.
        joins: Whether a record can stand beside others. One that cannot would be read as part of
            its neighbour, and put one patient's segments into the message of another.
    """

    suffix: str
    separator: bytes
    keeps_lines: bool
    joins: Callable[[bytes], bool]


@dataclass(frozen=True)
class ReplayedRecord:
    """One record in a replay file: its position there, and its hash before and after."""

    record: Rejected
    position: int
    original_sha256: str
    sha256: str


@dataclass(frozen=True)
class ReplayFile:
    """A replay file: its path below landing and its records."""

    source: str
    day: date
    file: str
    sha256: str
    records: tuple[ReplayedRecord, ...]


@dataclass(frozen=True)
class ReplayPlan:
    """Where replay files are made from.

    Attributes:
        lake: Holds the rejected records and the trail.
        landing: Folder of the landed files, for what quarantine holds only the beginning of.
        shapes: How records stand in a file, by source.
        correction: What comes instead of the one record that is replayed.
    """

    lake: Lake
    landing: Path
    shapes: Mapping[str, Shape]
    correction: bytes | None = None


@dataclass(frozen=True)
class _Content:
    """A record with its bytes as rejected and as they come again; a path when the file is all."""

    record: Rejected
    original: bytes | Path
    replayed: bytes | Path


def compose(
    plan: ReplayPlan,
    target: Path,
    records: Sequence[Rejected],
    numbers: Mapping[tuple[str, int], int],
) -> list[ReplayFile]:
    """Write replay files below a folder.

    Args:
        plan: Where records and files are, and how records stand in a file.
        target: Folder that takes the place of landing.
        records: Which, in order of source, `received` and position.
        numbers: How many replay files there are of a source and `received`.
    """
    files = []
    # One landed file at a time: a replay file inherits what the manifest said of the file that its
    # records came from, and bears its `received`, which orders versions without a stamp.
    for (source, received), group in groupby(records, key=lambda r: (r.source, r.received)):
        # counted on: the name of a file that was replayed before must not be used for other bytes
        number = numbers.get((source, received), 0)
        shape = plan.shapes[source]
        for part in _parts(list(_contents(plan, list(group))), shape):
            number += 1
            files.append(_write(target, part, shape, number))
    return files


def _contents(plan: ReplayPlan, records: Sequence[Rejected]) -> Iterator[_Content]:
    stored = contents(plan.lake, records)
    for record in records:
        # quarantine cuts long records; what comes again must be whole
        original = read_content(plan.landing, record, stored[record.quarantine_id])
        replayed = original if plan.correction is None else plan.correction
        yield _Content(record, original, replayed)


def _parts(contents_: Sequence[_Content], shape: Shape) -> Iterator[list[_Content]]:
    """Yield what goes into one file each: first all that can stand together, then the others."""
    joined: list[_Content] = []
    alone: list[_Content] = []
    for each in contents_:
        # A path is a record that fills a landed file, of whatever size. Text without MSH, written
        # after a message, would be read as segments of it: one patient's data in another's.
        joins = isinstance(each.replayed, bytes) and shape.joins(each.replayed)
        (joined if joins else alone).append(each)
    if joined:
        yield joined
    yield from ([each] for each in alone)


def _write(target: Path, part: Sequence[_Content], shape: Shape, number: int) -> ReplayFile:
    first, content = part[0].record, part[0].replayed
    name = replay_file(first.source, first.day, first.received, number, shape.suffix)
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes) and shape.joins(content):
        positions = _write_joined(path, part, shape)
    else:
        # whatever the format calls the position of the only record, see `replay._rejected`
        positions = [1]
        _copy(content, path)
    records = tuple(
        ReplayedRecord(each.record, position, _hash(each.original), _hash(each.replayed))
        for each, position in zip(part, positions, strict=True)
    )
    return ReplayFile(first.source, first.day, name, _hash(path), records)


def _write_joined(path: Path, part: Sequence[_Content], shape: Shape) -> list[int]:
    """Write records one after the other; return their positions.

    Where a position is a line, blank lines fill up to the line that the record had: lines 3 and 7
    of the landed file are lines 3 and 7 here, and so in the same order among other replays.
    """
    positions: list[int] = []
    following = 1
    with path.open("wb") as file:
        for each in part:
            # a Bundle that is a whole file has the position 0, but lines begin at 1
            position = max(each.record.position, following) if shape.keeps_lines else following
            # blank lines are no records to the format
            file.write(shape.separator * (position - following))
            if isinstance(each.replayed, bytes):
                file.write(each.replayed + shape.separator)
            positions.append(position)
            following = position + 1
    return positions


def _copy(content: bytes | Path, path: Path) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        path.write_bytes(content)


def _hash(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return sha256_of(content)
    digest = sha256()
    with content.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
