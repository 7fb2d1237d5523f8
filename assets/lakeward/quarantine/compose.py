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
class Entry:
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
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class _Again:
    record: Rejected
    original: bytes | Path
    content: bytes | Path


def compose(
    lake: Lake,
    landing: Path,
    target: Path,
    records: Sequence[Rejected],
    *,
    shapes: Mapping[str, Shape],
    numbers: Mapping[tuple[str, int], int],
    correction: bytes | None = None,
) -> list[ReplayFile]:
    """Write replay files below a folder.

    Args:
        lake: Holds the records.
        landing: Folder of the landed files, for what quarantine holds only the beginning of.
        target: Folder that stands for landing.
        records: Which, in order of source, `received` and position.
        shapes: By source.
        numbers: How many replay files there are of a source and `received`.
        correction: What comes instead of the one record.
    """
    files = []
    for (source, received), group in groupby(records, key=lambda r: (r.source, r.received)):
        number = numbers.get((source, received), 0)
        again = list(_again(lake, landing, list(group), correction))
        for part in _parts(again, shapes[source]):
            number += 1
            files.append(_write(target, part, shapes[source], received, number))
    return files


def _again(
    lake: Lake, landing: Path, records: Sequence[Rejected], correction: bytes | None
) -> Iterator[_Again]:
    held = contents(lake, records)
    for record in records:
        original = read_content(landing, record, held[record.quarantine_id])
        yield _Again(record, original, original if correction is None else correction)


def _parts(again: Sequence[_Again], shape: Shape) -> Iterator[list[_Again]]:
    joined: list[_Again] = []
    alone: list[_Again] = []
    for each in again:
        joins = isinstance(each.content, bytes) and shape.joins(each.content)
        (joined if joins else alone).append(each)
    if joined:
        yield joined
    yield from ([each] for each in alone)


def _write(
    target: Path, again: Sequence[_Again], shape: Shape, received: int, number: int
) -> ReplayFile:
    first = again[0]
    name = replay_file(first.record.source, first.record.day, received, number, shape.suffix)
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(first.content, bytes) and shape.joins(first.content):
        places = _write_joined(path, again, shape)
    else:
        places = [1]
        _copy(first.content, path)
    entries = tuple(
        Entry(each.record, position, _hash(each.original), _hash(each.content))
        for each, position in zip(again, places, strict=True)
    )
    return ReplayFile(first.record.source, first.record.day, name, _hash(path), entries)


def _write_joined(path: Path, again: Sequence[_Again], shape: Shape) -> list[int]:
    """Write records one after the other; give their positions."""
    places: list[int] = []
    following = 1
    with path.open("wb") as file:
        for each in again:
            place = max(each.record.position, following) if shape.keeps_lines else following
            file.write(shape.separator * (place - following))
            if isinstance(each.content, bytes):
                file.write(each.content + shape.separator)
            places.append(place)
            following = place + 1
    return places


def _copy(content: bytes | Path, path: Path) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        path.write_bytes(content)


def _hash(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return sha256(content).hexdigest()
    digest = sha256()
    with content.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
