"""The ledger: each delivered file once, in order, with what became of it.

A file is known by (source, sha256). The ledger gives it a sequence number per source (`received`),
which the Delta transactions of a load carry; its closing entry commits last, so a kill at any
moment and a second run give the same tables. An entry is never changed, a later step is a new one:

    received --+--> loaded      its records are stored, duplicate or quarantined
    (step 1)   +--> duplicate   it repeats a file, and nothing in it was new
               +--> ignored     it holds nothing of its format, as a manifest does
                    (step 2)

    source   received  file        repeats  found  stored  duplicate  quarantined  state      step
    adt_hl7  1         …/a.hl7                                                     received   1
    adt_hl7  1         …/a.hl7              5      4       0          1            loaded     2
    adt_hl7  2         …/b.hl7     1                                               received   1
    adt_hl7  2         …/b.hl7     1        5      0       5          0            duplicate  2

Reading the files' content belongs to the formats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from lakeward.core.paths import replayed
from lakeward.core.phi import Phi
from lakeward.lake.origin import ORIGIN
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, ensure_table, write
from lakeward.landing.deliveries import Delivery, hash_file
from lakeward.landing.expected_files import register_promises

REGISTERED, CLOSED = 1, 2
"""Steps of an entry: the file was registered; what became of its records is known."""

LEDGER_ENTRY = TableSpec(
    name="ledger_entry",
    description="What happened to each delivered file, step by step; `ledger` shows the last step",
    grain="One row per source, received and step",
    columns=(
        *ORIGIN,
        Column("sha256", "VARCHAR", Phi.LK, "SHA-256 of the file as delivered"),
        Column("bytes", "BIGINT", Phi.N, "Size of the file"),
        Column("modified_ns", "BIGINT", Phi.N, "Modification time, to know a file without hashing"),
        Column("repeats", "BIGINT", Phi.N, "received of the file with the same content, if any"),
        Column("promised", "BIGINT", Phi.N, "Records that the manifest promised"),
        Column("kind", "VARCHAR", Phi.N, "Of a bulk export: output, deleted or outcome"),
        Column("promised_type", "VARCHAR", Phi.N, "Resource type that the manifest promised"),
        Column(
            "transaction_time",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "transactionTime of the manifest: the export holds all changes up to here",
        ),
        Column("export_group", "VARCHAR", Phi.N, "What was exported: Group/<id>, Patient, system"),
        Column("server_base", "VARCHAR", Phi.LK, "Base URL of the server that exported it"),
        Column("found", "BIGINT", Phi.N, "Records found: stored + duplicate + quarantined"),
        Column("stored", "BIGINT", Phi.N, "Records stored"),
        Column("duplicate", "BIGINT", Phi.N, "Records whose content was stored before"),
        Column("quarantined", "BIGINT", Phi.N, "Records rejected"),
        Column("state", "VARCHAR", Phi.N, "received, loaded, duplicate or ignored"),
        Column("step", "BIGINT", Phi.N, "1 registered, 2 closed"),
    ),
)


@dataclass(frozen=True)
class LedgerFile:
    """A registered file: `file` is its path below landing, `received` its sequence number.

    `promised` to `transaction_time` are what the manifest of its delivery says of it, if there is
    one; `repeats` is the number of an earlier file with the same content.
    """

    source: str
    received: int
    day: date
    file: str
    sha256: str
    bytes: int
    promised: int | None = None
    kind: str | None = None
    promised_type: str | None = None
    transaction_time: datetime | None = None
    repeats: int | None = None


@dataclass(frozen=True)
class FileCounts:
    """What became of a file's records: found = stored + duplicate + quarantined.

    `promised` is what the file itself promises (batch trailers); a manifest's promise comes first.
    """

    received: int
    found: int
    stored: int
    duplicate: int
    quarantined: int
    state: str = "loaded"
    promised: int | None = None


def register(lake: Lake, landing: Path, arrived: Sequence[Delivery]) -> int:
    """Enter files that the ledger does not have yet; return how many were new.

    A file of the same name, size and modification time is not read again; a content that came
    before under another name is entered as a repeat. A replay file is never a repeat: it brings
    what was rejected, in the same bytes, and inherits what a manifest said of the file that its
    records came from.
    """
    ensure_table(lake, LEDGER_ENTRY)
    register_promises(lake, landing, arrived)
    rows: list[dict[str, object]] = []
    with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
        for source in dict.fromkeys(delivery.source for delivery in arrived):
            entered = _Entered.of(connection, source)
            for delivery in arrived:
                if delivery.source == source:
                    rows += entered.enter(landing, delivery)
    _append(lake, rows)
    return len(rows)


def pending(lake: Lake, source: str, *, repeats: bool = False) -> list[LedgerFile]:
    """List the files of a source that are registered but not loaded, in order of arrival.

    All of them, whatever their day: loading out of order would make a later file's transaction
    hide an earlier one.

    Args:
        lake: Where the ledger lives.
        source: Whose files.
        repeats: With those whose content another file brought before.
    """
    condition = "" if repeats else " and repeats is null"
    with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
        rows = connection.execute(
            "select source, received, day, file, sha256, bytes, promised, kind, promised_type,"
            " transaction_time, repeats from ("
            " select *, max(step) over (partition by source, received) as last_step"
            " from ledger_entry where source = ?)"
            f" where last_step = ?{condition} order by received",
            [source, REGISTERED],
        ).fetchall()
    return [LedgerFile(*row) for row in rows]


def close_files(lake: Lake, source: str, counts: Sequence[FileCounts]) -> None:
    """Enter what became of loaded files, and of the repeats of every file that is closed.

    Args:
        lake: Where the ledger lives.
        source: Whose files.
        counts: What became of each loaded file; may be empty.
    """
    with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
        # with a schema: nothing may have been loaded, and an empty list has no types
        arrow = pa.Table.from_pylist([vars(c) for c in counts], schema=_COUNTS)
        connection.register("counts", arrow)
        closed = connection.sql(_CLOSE_SQL, params={"source": source}).to_arrow_table()
    if closed.num_rows:
        write(lake, LEDGER_ENTRY, closed, mode="append")


# waiting   files that are registered and not closed; those of `counts` were loaded now
# outcome   what is known of files, loaded now or before, that a waiting one may repeat
# repeated  waiting ones that nobody read, as repeats of HL7 v2; one that was read, as of FHIR, is
#           in `loaded`, as a duplicate only if nothing of it was stored
_CLOSE_SQL = f"""
with entry as (
    select *, max(step) over (partition by source, received) as last_step
    from ledger_entry
    where source = $source
),
waiting as (select * from entry where last_step = {REGISTERED}),
loaded as (
    select w.* replace (
        c.found as found, c.stored as stored, c.duplicate as duplicate,
        c.quarantined as quarantined,
        case when w.repeats is not null and c.stored = 0 then 'duplicate' else c.state end as state,
        coalesce(w.promised, c.promised) as promised, {CLOSED} as step
    )
    from waiting as w
    join counts as c on w.received = c.received
),
outcome as (
    select received, found from loaded
    union all
    select received, found from entry where step = {CLOSED}
),
repeated as (
    select w.* replace (
        o.found as found, 0 as stored, o.found as duplicate, 0 as quarantined,
        'duplicate' as state, {CLOSED} as step
    )
    from waiting as w
    join outcome as o on w.repeats = o.received
    where w.received not in (select received from loaded)
)
select * exclude (last_step) from loaded
union all
select * exclude (last_step) from repeated
order by received
"""


@dataclass
class _Entered:
    """What the ledger has of one source, growing while files are entered.

    Attributes:
        seen: Name, size and modification time of each file: enough to pass it over unread.
        names: Name and SHA-256 of each file.
        contents: `received` of the first file of each content, by SHA-256.
        last: The last `received`.
        promises: What manifests said of files, by `received`; replays inherit it.
    """

    seen: set[tuple[str, int, int]]
    names: set[tuple[str, str]]
    contents: dict[str, int]
    last: int
    promises: dict[int, dict[str, object]]

    @classmethod
    def of(cls, connection: Connection, source: str) -> "_Entered":
        promised = connection.execute(
            f"select received, {', '.join(_INHERITED)} from ledger_entry"
            " where source = ? and step = ? and kind is not null",
            [source, REGISTERED],
        ).fetchall()
        rows = connection.execute(
            "select file, bytes, modified_ns, sha256, received, repeats from ledger_entry"
            " where source = ? and step = ?",
            [source, REGISTERED],
        ).fetchall()
        return cls(
            seen={(file, size, modified) for file, size, modified, *_ in rows},
            names={(file, digest) for file, _, _, digest, *_ in rows},
            # not of repeats: what became of a content is known of the file that was read
            contents={digest: number for *_, digest, number, repeats in rows if repeats is None},
            last=max((number for *_, number, _ in rows), default=0),
            promises={n: dict(zip(_INHERITED, values, strict=True)) for n, *values in promised},
        )

    def enter(self, landing: Path, delivery: Delivery) -> list[dict[str, object]]:
        rows = []
        for path in delivery.files:
            file, stat = path.relative_to(landing).as_posix(), path.stat()
            # a night lists every file that ever came: it cannot read them all again
            if (file, stat.st_size, stat.st_mtime_ns) in self.seen:
                continue
            digest = hash_file(path)
            # touched, or brought back from a backup; with other content the name is another file
            if (file, digest) in self.names:
                continue
            self.last += 1
            self.names.add((file, digest))
            rows.append(
                {
                    "source": delivery.source,
                    "received": self.last,
                    "day": delivery.day,
                    "file": file,
                    "sha256": digest,
                    "bytes": stat.st_size,
                    "modified_ns": stat.st_mtime_ns,
                    "repeats": self.contents.get(digest),
                    **_promise(delivery, path),
                    "state": "received",
                    "step": REGISTERED,
                    **self._of_replay(file),
                }
            )
            self.contents.setdefault(digest, self.last)
        return rows

    def _of_replay(self, file: str) -> dict[str, object]:
        """Return what a replay file inherits; nothing for any other file."""
        # A file of one rejected message comes again in the very same bytes: taken for a repeat, it
        # would never be loaded. And it is as old as the export that its records came from.
        origin = replayed(file)
        return {"repeats": None, **self.promises.get(origin[1], {})} if origin else {}


def _promise(delivery: Delivery, path: Path) -> dict[str, object]:
    """Return what the delivery's manifest says of a file."""
    manifest = delivery.manifest_of(path)
    file = manifest.file(path.name) if manifest else None
    if manifest is None or file is None:
        return {}
    return {
        "promised": file.count,
        "kind": file.kind,
        "promised_type": file.type,
        "transaction_time": manifest.transaction_time,
        "export_group": manifest.group,
        "server_base": manifest.server_base,
    }


def _append(lake: Lake, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    names = [c.name for c in LEDGER_ENTRY.columns]
    complete = [{name: row.get(name) for name in names} for row in rows]
    table = pa.Table.from_pylist(complete, schema=arrow_schema(LEDGER_ENTRY))
    write(lake, LEDGER_ENTRY, table, mode="append")


_OF_THE_FILE = {"source", "received", "day", "file", "sha256", "bytes", "modified_ns", "repeats"}
_OF_ITS_RECORDS = {"promised", "found", "stored", "duplicate", "quarantined", "state", "step"}
_INHERITED = tuple(
    column.name
    for column in LEDGER_ENTRY.columns
    if column.name not in _OF_THE_FILE | _OF_ITS_RECORDS
)
"""What a manifest says of a file, and so of its records when they come again."""

_COUNTS = pa.schema(
    [(f.name, pa.string() if f.name == "state" else pa.int64()) for f in fields(FileCounts)]
)
