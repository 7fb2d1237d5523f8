"""Rows of the flat tables of one resource type, from the raw resources that they lack.

Resources are taken in slices of bounded size; each slice is read and parsed once for all views of
the type, and each view commits its rows of the slice together with how far it is then. So a table
and its progress cannot differ, and a kill between any two commits costs only work.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import pyarrow as pa

from lakeward.fhir.view_tables import OnFailure
from lakeward.lake.files import DataFile
from lakeward.lake.query import Connection, DatabaseError, Snapshot, register_text_function
from lakeward.lake.tables import Lake, TableSpec, TableWrite, write
from lakeward.sqlonfhir.decimals import exact
from lakeward.sqlonfhir.failures import failure_of
from lakeward.sqlonfhir.structure import Node
from lakeward.sqlonfhir.view import CompiledView, compile_view, parsing, together
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

SLICE = 64 << 20
"""Bytes of resources that are parsed and held at once, about."""

_SHIFT = 32
_LINES = (1 << _SHIFT) - 1
_POSITION = f"(received * {1 << _SHIFT} + line)"
"""One number that grows with every raw resource of a source: `received << 32 | line`."""


def end_of(received: int) -> int:
    """Give the position after which nothing of a file can come."""
    return received << _SHIFT | _LINES


@dataclass
class Target:
    """One flat table, the view that fills it, and how far it is.

    Attributes:
        view: What makes its rows.
        spec: The table.
        digest: Version of the view.
        through: For each source the position that the table is complete up to.
        anew: The next commit replaces all that the table holds.
        failed: Its view cannot be run; leave it.
    """

    view: ViewDefinition
    spec: TableSpec
    digest: str
    through: dict[str, int]
    anew: bool
    failed: bool = False

    def behind(self, spans: Mapping[str, int]) -> bool:
        """Tell whether it lacks anything up to these positions."""
        return any(self.through.get(source, 0) < through for source, through in spans.items())

    def state(self) -> str:
        """Give what its commits remember: see `flat.progress_of`."""
        return json.dumps({"view": self.digest, "through": self.through}, sort_keys=True)


@dataclass(frozen=True)
class Missing:
    """The raw resources of one type that some of its tables lack.

    Attributes:
        raw: The raw table; only the files that matter.
        envelope: Columns that are passed through.
        after: For each source the position from which on something is missing.
        through: For each source the last position there is.
    """

    raw: Snapshot
    envelope: Sequence[str]
    after: Mapping[str, int]
    through: Mapping[str, int]

    def relation(self, columns: str, after: Mapping[str, int], through: Mapping[str, int]) -> str:
        """Give the SQL of the rows between two positions of each source."""
        spans = " or ".join(_between(s, after.get(s, 0), last) for s, last in through.items())
        return f"(select {columns} from ({self.raw.select()}) where {spans})"


def missing_of(
    raw: Snapshot, files: Sequence[DataFile], envelope: Sequence[str], targets: Sequence[Target]
) -> Missing | None:
    """Find out what the tables of one type lack; None when that is nothing.

    Args:
        raw: The raw table.
        files: Its files of that type.
        envelope: Columns to pass through.
        targets: The tables.
    """
    through: dict[str, int] = {}
    for file in files:
        source = file.high["source"]
        through[source] = max(through.get(source, 0), end_of(file.high["received"]))
    after = {s: min((t.through.get(s, 0) for t in targets), default=0) for s in through}
    wanted = {s for s in through if after[s] < through[s]}
    if not wanted:
        return None
    lacking = [
        file.uri
        for file in files
        if (s := file.high["source"]) in wanted and end_of(file.high["received"]) > after[s]
    ]
    return Missing(
        raw=replace(raw, files=tuple(sorted(lacking))),
        envelope=envelope,
        after={s: after[s] for s in wanted},
        through={s: through[s] for s in wanted},
    )


def derive(
    lake: Lake,
    connection: Connection,
    missing: Missing,
    targets: Sequence[Target],
    on_failure: OnFailure,
) -> Iterator[TableWrite]:
    """Write to each table the rows that it lacks; give the writes that had any or began anew."""
    slices = list(_slices(connection, missing))
    after = dict(missing.after)
    for number, spans in enumerate(slices, start=1):
        last = number == len(slices)
        through = {**spans, **missing.through} if last else spans
        behind = [t for t in targets if t.behind(through) and not t.failed]
        part = _Slice(missing, dict(after), through, last=last)
        of_view = {target.view.name: target for target in behind}
        for used, views in together(compile_view(target.view) for target in behind):
            fed = [(view, of_view[view.view.name]) for view in views]
            yield from part.write(lake, connection, used, fed, on_failure)
        after.update(spans)


def _slices(connection: Connection, missing: Missing) -> Iterator[dict[str, int]]:
    """Cut what is missing into parts of bounded size; each gives its last position by source."""
    rows = missing.relation(
        f"source, {_POSITION} as position, strlen(resource) as bytes",
        missing.after,
        missing.through,
    )
    # a line is never cut: all resources of a bundle on it have its number
    query = f"""
        select part, source, max(position) from (
            select source, position, sum(bytes) over (
                order by source, position range unbounded preceding
            ) // {SLICE} as part
            from {rows}
        ) group by all order by all
    """
    parts: dict[int, dict[str, int]] = {}
    for part, source, position in connection.execute(query).fetchall():
        parts.setdefault(part, {})[source] = position
    yield from parts.values() or [{}]


@dataclass(frozen=True)
class _Slice:
    """One part of what is missing; `last` says that nothing comes after it."""

    missing: Missing
    after: dict[str, int]
    through: dict[str, int]
    last: bool = field(kw_only=True)

    def write(
        self,
        lake: Lake,
        connection: Connection,
        used: Node,
        fed: Sequence[tuple[CompiledView, Target]],
        on_failure: OnFailure,
    ) -> Iterator[TableWrite]:
        """Parse the slice once and let each view take its rows from it."""
        names = ", ".join(f'"{name}"' for name in self.missing.envelope)
        rows = self.missing.relation(f"{names}, resource", self.after, self.through)
        told = exact(partial(register_text_function, connection), rows, used, f"{names}, ")
        parse = parsing(told, used, self.missing.envelope)
        connection.execute(f"create or replace temp table parsed as {parse}")
        for view, target in fed:
            try:
                done = self._rows(connection, view, target)
            except DatabaseError as error:
                target.failed = True
                on_failure(target.spec.name, failure_of(target.view, error))
                continue
            if (written := self._commit(lake, target, done)) is not None:
                yield written
        connection.execute("drop table parsed")

    def _rows(self, connection: Connection, view: CompiledView, target: Target) -> pa.Table:
        ahead = {
            source: position
            for source in self.through
            if (position := target.through.get(source, 0)) > self.after.get(source, 0)
        }
        relation = "parsed"
        if ahead:  # an earlier call was cut off after this table and before another
            lacking = " and ".join(f"not {_between(s, 0, last)}" for s, last in ahead.items())
            relation = f"(select * from parsed where {lacking})"
        query = view.over_parsed(relation, self.missing.envelope)
        return connection.sql(query).to_arrow_table()

    def _commit(self, lake: Lake, target: Target, rows: pa.Table) -> TableWrite | None:
        """Commit rows and progress together; a table that got none says so once, at the end."""
        for source, position in self.through.items():
            target.through[source] = max(target.through.get(source, 0), position)
        anew = target.anew
        if not (rows.num_rows or anew or self.last):
            return None
        mode: Literal["append", "overwrite"] = "overwrite" if anew else "append"
        written = write(lake, target.spec, rows, mode=mode, content=target.state())
        target.anew = False
        return written if rows.num_rows or anew else None


def _between(source: str, after: int, through: int) -> str:
    """Give the condition for rows of a source between positions, first one that prunes files."""
    text = source.replace("'", "''")
    return (
        f"(source = '{text}' and received between {after >> _SHIFT} and {through >> _SHIFT}"
        f" and {_POSITION} > {after} and {_POSITION} <= {through})"
    )
