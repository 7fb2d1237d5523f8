"""What an input format is: one value that says how its files become tables.

There is one instance for each format, in that format's package (`fhir.format`, `hl7v2.format`).
Whoever works on all formats (assets, replays) takes a `Format` and knows none by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeward.core.errors import LakewardError, SpecError
from lakeward.core.paths import Home
from lakeward.lake.incremental import OnFailure, OnLost
from lakeward.lake.progress import source_of
from lakeward.lake.tables import Lake, TableSpec, TableWrite
from lakeward.landing.ledger import FileCounts, LedgerFile
from lakeward.landing.sources import Source
from lakeward.landing.stored_records import StoredRecords
from lakeward.quarantine.compose import Shape
from lakeward.quarantine.records import Rejected

Load = Callable[[Lake, Path, Source, Sequence[LedgerFile], Path | None], list[FileCounts]]
"""Loads files exactly once: lake, landing, source, its files ascending, folder of own specs."""

Explain = Callable[[Rejected, bytes, Path, Source], list[str]]
"""Says in words what is wrong: record, its content, landing, source. Never a value."""

Problems = Mapping[str, str]
"""What is wrong with specs of the deployment, by the flat table that each would fill."""


@dataclass(frozen=True)
class FlatTables:
    """The flat tables of a format, and what is wrong with specs of the deployment."""

    tables: Sequence[TableSpec]
    problems: Problems


@dataclass(frozen=True)
class LostRecords:
    """Records of a source that a flat table lacks, and why; no source: it stays as it was."""

    table: str
    source: str
    cause: LakewardError


@dataclass(frozen=True)
class Flattened:
    """What flattening wrote, what is wrong with specs of the deployment, and what it could not."""

    writes: Sequence[TableWrite]
    problems: Problems
    lost: Sequence[LostRecords] = ()


def collected_in(problems: dict[str, str]) -> OnFailure:
    """Return a callback that keeps what is wrong, by table; one table can have several problems."""

    def keep(table: str, error: SpecError) -> None:
        problems[table] = "\n".join(filter(None, (problems.get(table), str(error))))

    return keep


def lost_in(lost: list[LostRecords]) -> OnLost:
    """Return a callback that keeps which records a table lacks."""

    def keep(table: str, key: str, cause: LakewardError) -> None:
        lost.append(LostRecords(table, source_of(key), cause))

    return keep


def no_facts(_lake: Lake) -> Mapping[str, Any]:
    """Return no facts, for a format that has none beyond the counts."""
    return {}


def no_broken_promises(_lake: Lake) -> Sequence[str]:
    """Return nothing, for a format whose files promise no counts."""
    return ()


@dataclass(frozen=True)
class Format:
    """One input format.

    Attributes:
        name: As sources bear it.
        is_state: A record says what is, so one delivered again can change what is true: a resource
            without stamps that was delivered as A, B and A again is A. Else a record is an event,
            which happens once, and a file delivered again says nothing.
        raw: Its raw table: one row per distinct record of a source.
        beside: Tables that loading writes beside raw.
        records: How those of the raw table are found and called.
        load: Loads landed files into `raw`, `beside` and quarantine.
        facts: Returns counts by name, over all that is stored.
        broken_promises: Returns where the content itself promises another count.
        specs: Name of the folder of a home that holds specs of the deployment.
        flat_tables: Returns the flat tables, those of specs in a folder among them.
        flatten: Brings the flat tables up to the raw table. A wrong spec of the deployment does
            not stop the others, nor do records that a table cannot hold.
        flat_facts: Returns counts by flat table and name.
        shape: How rejected records stand in a replay file.
        explain: Says what is wrong with a rejected record.
        reads_utf16: Its files may be in UTF-16.
    """

    name: str
    is_state: bool
    raw: TableSpec
    beside: tuple[TableSpec, ...]
    records: StoredRecords
    load: Load
    specs: str
    flat_tables: Callable[[Path | None], FlatTables]
    flatten: Callable[[Lake, Path | None], Flattened]
    shape: Shape
    explain: Explain
    reads_utf16: bool = False
    facts: Callable[[Lake], Mapping[str, Any]] = no_facts
    broken_promises: Callable[[Lake], Sequence[str]] = no_broken_promises
    flat_facts: Callable[[Lake], Mapping[str, Mapping[str, Any]]] = no_facts

    def own_specs(self, home: Home) -> Path:
        """Return the folder of a home for specs of the deployment; it need not exist."""
        return home.root / self.specs
