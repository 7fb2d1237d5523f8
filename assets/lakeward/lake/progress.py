"""How far a reader of a growing raw table is, and which records it has not seen yet.

A reader is a derived table (see `incremental`), or anything else that keeps `Positions`: a release
that reports what changed since the last one, for instance. What it makes of the records is not
known here.

Positions of one source: its files are numbered by `received`, the records of a file from 1.

    file 7, 90 records                file 8, 12 records
    7<<32|1  ...  7<<32|90            8<<32|1  ...  8<<32|12
                        end of file 7: 7<<32|0xffffffff
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from lakeward.lake.arrow import sql_literal
from lakeward.lake.data_files import DataFile, data_files
from lakeward.lake.query import Connection, Snapshot, connect, snapshot
from lakeward.lake.tables import Lake

Positions = Mapping[str, int]
"""By key (a source, or `<source>/<resource type>`) the position up to which all has been seen.

A position is `received << 32 | record`: one number that grows with every record, because the files
of a source are loaded whole and in order. As two numbers each comparison would be one of pairs, in
SQL and in every commit.
"""

SLICE_BYTES = 64 << 20
"""Bytes of records that are parsed, held and committed at once, about.

A first load may bring many gigabytes: read whole it would not fit in memory, and a kill would cost
all of the work. Much smaller slices make many small commits and files.
"""

# room for four billion records in a file, and two billion files in a signed BIGINT
_RECORD_BITS = 32
_KEY_SEPARATOR = "/"
"""Stands in no name of a source (see `landing.sources`) and in no resource type."""


def source_of(key: str) -> str:
    """Return the source of a key; empty for an empty one."""
    return key.split(_KEY_SEPARATOR)[0]


def end_of_file(received: int) -> int:
    """Return the position after which no record of a file can come."""
    return received << _RECORD_BITS | (1 << _RECORD_BITS) - 1


@dataclass(frozen=True)
class RawTable:
    """A table that grows by files, which are loaded whole and in the order of `received`.

    Attributes:
        name: The table; it has the columns `source` and `received`.
        record: Column that numbers the records of a file.
        size: SQL for the bytes of a record.
        key: Columns that progress is kept by, `source` first.
        only: A partition column and the values of it that are read; None reads all.
    """

    name: str
    record: str
    size: str
    key: tuple[str, ...] = ("source",)
    only: tuple[str, frozenset[str]] | None = None

    def reads(self, file: DataFile) -> bool:
        """Return whether a data file can hold records that are read."""
        return self.only is None or file.partition[self.only[0]] in self.only[1]

    def values_of(self, key: str) -> dict[str, str]:
        """Return the value of each column of a key."""
        return dict(zip(self.key, key.split(_KEY_SEPARATOR), strict=True))

    def positions_of(self, rows: pa.Table) -> pa.ChunkedArray:
        """Return the position (BIGINT) of each row of the table, or of one derived from it.

        Args:
            rows: With `received` and the column that numbers the records.
        """
        return pc.add(pc.shift_left(rows["received"], _RECORD_BITS), rows[self.record])

    def between(self, key: str, after: int, through: int) -> str:
        """Return the condition for the records of a key after one position, up to another.

        Columns are compared with constants, not packed into positions: so DuckDB skips row groups
        by their statistics, and a slice of a large file does not read the whole file.
        """
        values = self.values_of(key).items()
        same = " and ".join(f"{column} = {sql_literal(value)}" for column, value in values)
        # `after + 1` is the first new record. After the end of file 7 that is record 0 of file 8,
        # which can exist: a Bundle that is a whole FHIR file has the number 0.
        low, first = divmod(after + 1, 1 << _RECORD_BITS)
        high, last = divmod(through, 1 << _RECORD_BITS)
        if low == high:
            return f"({same} and received = {low} and {self.record} between {first} and {last})"
        return (
            f"({same} and received between {low} and {high}"
            f" and (received > {low} or {self.record} >= {first})"
            f" and (received < {high} or {self.record} <= {last}))"
        )


@dataclass(frozen=True)
class NewRecords:
    """The records of a raw table after some positions.

    Attributes:
        raw: The table.
        pinned: The version of it that was looked at, with those of its files that matter.
        after: By key with anything new, the position that it is new after.
        through: By the same keys, where the table ends.
    """

    raw: RawTable
    pinned: Snapshot
    after: Positions
    through: Positions

    def relation(self, columns: str, after: Positions, through: Positions) -> str:
        """Return the SQL of columns of the records between two positions of each key."""
        spans = (self.raw.between(key, after[key], last) for key, last in through.items())
        condition = " or ".join(spans) or "false"
        return f"(select {columns} from ({self.pinned.select()}) where {condition})"


def new_since(lake: Lake, raw: RawTable, seen: Positions) -> NewRecords | None:
    """Return the records of a raw table that come after some positions; None when there are none.

    Found from the log of the table, so that a night without news opens no data file.

    Args:
        lake: Where the table lives.
        raw: The table.
        seen: What the reader has seen; of a key that is not there, nothing.
    """
    pinned = snapshot(lake, raw.name)
    if pinned is None:
        return None
    files = [file for file in data_files(lake, raw.name, pinned.version) if raw.reads(file)]
    ends = {file.uri: _end_of(raw, file) for file in files}
    through: dict[str, int] = {}
    for key, position in _ends(raw, pinned, ends):
        through[key] = max(through.get(key, 0), position)
    new = {key: last for key, last in through.items() if last > seen.get(key, 0)}
    if not new:
        return None
    # files that end before are never opened; where the log cannot say, a file may hold anything
    matter = [uri for uri, end in ends.items() if end is None or end[1] > seen.get(end[0], 0)]
    return NewRecords(
        raw=raw,
        pinned=replace(pinned, files=tuple(sorted(matter))),
        after={key: seen.get(key, 0) for key in new},
        through=new,
    )


_End = tuple[str, int]
"""A key, and the position where it ends."""


def _ends(raw: RawTable, pinned: Snapshot, of_files: Mapping[str, _End | None]) -> list[_End]:
    """Return where the keys end, from the log; if it cannot say, from the records."""
    # all or none: one compacted file may hold the last records of any key
    known = [end for end in of_files.values() if end is not None]
    if len(known) == len(of_files):
        return known
    read = replace(pinned, files=tuple(sorted(of_files))).select()
    query = f"select {_key_sql(raw)}, max(received) from ({read}) group by 1"
    with connect() as connection:
        rows = connection.execute(query).fetchall()
    return [(key, end_of_file(received)) for key, received in rows]


def _end_of(raw: RawTable, file: DataFile) -> _End | None:
    """Return the key of a data file and where it ends; None when its log entry cannot say.

    A load writes files of one source. When the table is compacted, sources come together in one
    file, and the log knows no longer which of them reaches how far.
    """
    values = []
    for column in raw.key:
        # one value in the whole file: the partition says so, or the least value is the greatest
        low = file.partition.get(column, file.low.get(column))
        if low is None or low != file.partition.get(column, file.high.get(column)):
            return None
        values.append(low)
    received = file.high.get("received")
    return None if received is None else (_KEY_SEPARATOR.join(values), end_of_file(received))


def _key_sql(raw: RawTable) -> str:
    return f"concat_ws('{_KEY_SEPARATOR}', {', '.join(raw.key)})"


@dataclass(frozen=True)
class Slice:
    """Some of the new records, few enough to be held at once.

    Attributes:
        new: What it is a part of.
        after: By key the position that it begins after.
        ends: By key with records in it the position of the last of them.
        through: By key where a reader is that has seen this slice and all before it.
        is_last: Nothing new comes after it.
    """

    new: NewRecords
    after: Positions
    ends: Positions
    through: Positions
    is_last: bool

    def relation(self, columns: str, *keys: str) -> str:
        """Return the SQL of columns of its records, of all keys or of some."""
        ends = {key: last for key, last in self.ends.items() if not keys or key in keys}
        return self.new.relation(columns, self.after, ends)

    def only(self, keys: Collection[str], *, ends: bool = True) -> "Slice":
        """Return the part of it that holds the records of some keys.

        Args:
            keys: The keys.
            ends: Whether it is the last such part, so that nothing new comes after it if nothing
                comes after the whole.
        """
        return replace(
            self,
            ends={key: last for key, last in self.ends.items() if key in keys},
            through={key: last for key, last in self.through.items() if key in keys},
            is_last=self.is_last and ends,
        )


def slices(connection: Connection, new: NewRecords) -> Iterator[Slice]:
    """Yield new records by key and position, in slices of `SLICE_BYTES` each, at least one.

    All records of one position stay together: the resources of a Bundle that stands on one line
    share its number, and a reader must not be between two of them.
    """
    position = f"received * {1 << _RECORD_BITS} + {new.raw.record}"
    columns = f"{_key_sql(new.raw)} as key, {position} as position, {new.raw.size} as bytes"
    # `range`, not `rows`: records of equal position get the same sum, and so the same slice
    query = f"""
        select slice, key, max(position) from (
            select key, position, sum(bytes) over (
                order by key, position range unbounded preceding
            ) // {SLICE_BYTES} as slice
            from {new.relation(columns, new.after, new.through)}
        ) group by all order by all
    """
    parts: dict[int, dict[str, int]] = {}
    for number, key, last in connection.execute(query).fetchall():
        parts.setdefault(number, {})[key] = last
    after = dict(new.after)
    every = list(parts.values()) or [{}]  # an older commit may end at a record, the log at a file
    for number, ends in enumerate(every, start=1):
        is_last = number == len(every)
        # the last one ends at the end of the files, also of keys whose last records no slice holds
        through = {**ends, **new.through} if is_last else ends
        yield Slice(new, dict(after), ends, through, is_last)
        after.update(ends)


def in_one_slice(_connection: Connection, new: NewRecords) -> Iterator[Slice]:
    """Yield all new records as one slice, for readers that stream."""
    yield Slice(new, new.after, new.through, new.through, is_last=True)
