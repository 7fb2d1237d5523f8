"""The audit table: who let which list leave, for what, to whom. Chained by hash.

Each row's hash covers its content and the row before it, so an edit, a deletion or a change of
order shows in `verify`. A row is written before the files that it names: what cannot be audited
does not leave. The same revision with the same content is entered once.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from lakeward.core.errors import PermanentError
from lakeward.core.files import sha256_of
from lakeward.core.phi import Phi
from lakeward.lake.query import Connection, connect, register_table
from lakeward.lake.tables import Column, Lake, TableSpec, ensure_table, write

AUDIT = TableSpec(
    name="audit",
    description="What left the lake: one row per exported revision, chained by hash",
    grain="One row per exported revision of a list",
    owner="team:security",
    columns=(
        Column("seq", "BIGINT", Phi.N, "Place in the chain, from 1"),
        Column("at", "TIMESTAMP WITH TIME ZONE", Phi.N, "When the row was written"),
        Column("action", "VARCHAR", Phi.N, "export; show or preview of rejected records"),
        Column("principal", "VARCHAR", Phi.N, "Person or service that acted"),
        Column("purpose", "VARCHAR", Phi.N, "Purpose of the contract"),
        Column("consumer", "VARCHAR", Phi.N, "Who gets it"),
        Column("worklist", "VARCHAR", Phi.N, "Which list"),
        Column("day", "DATE", Phi.N, "Business day"),
        Column("revision", "BIGINT", Phi.N, "Revision of that day"),
        Column("files", "VARCHAR[]", Phi.N, "<name> sha256:<hash> of each data file"),
        Column("row_count", "BIGINT", Phi.N, "Rows of the list, removed ones not counted"),
        Column("contract_version", "VARCHAR", Phi.N, "Version of the contract"),
        Column("release_id", "VARCHAR", Phi.N, "Release that was read"),
        Column("prev_hash", "VARCHAR", Phi.N, "Hash of the row before; zeros in the first"),
        Column("hash", "VARCHAR", Phi.N, "SHA-256 over prev_hash and this row"),
    ),
)
_START = "0" * 64
"""`prev_hash` of the first row."""

# not `release_id`: an unchanged list is written with the same bytes from a later release, too;
# other content has another hash in `files` and is entered
_FACTS = ("consumer", "worklist", "day", "revision", "files")
"""What makes two entries the same: a run that is repeated enters nothing."""


@dataclass(frozen=True)
class AuditEntry:
    """What is entered about one exported revision."""

    action: str
    principal: str
    purpose: str
    consumer: str
    worklist: str
    day: date
    revision: int
    files: tuple[str, ...]
    row_count: int
    contract_version: str
    release_id: str


def record_entry(lake: Lake, entry: AuditEntry) -> int:
    """Enter an export, unless this revision with this content is entered; return its `seq`."""
    ensure_table(lake, AUDIT)
    with connect() as connection:
        rows = _rows(connection, lake)
    facts = asdict(entry) | {"files": list(entry.files)}
    # a run after a kill enters the same export again
    for row in rows:
        if all(row[name] == facts[name] for name in _FACTS):
            return int(row["seq"])
    # no other writer can take the same number: whoever enters holds `lake.lock.sole_writer`
    row = {"seq": len(rows) + 1, "at": datetime.now(UTC), **facts}
    row["prev_hash"] = rows[-1]["hash"] if rows else _START
    row["hash"] = _hash(row)
    write(lake, AUDIT, pa.Table.from_pylist([row]), mode="append")
    return len(rows) + 1


def verify(lake: Lake) -> int:
    """Walk the chain and return its length.

    Raises:
        PermanentError: A row was edited, removed, doubled or moved; the text says which.
    """
    ensure_table(lake, AUDIT)
    with connect() as connection:
        rows = _rows(connection, lake)
    before = _START
    for position, row in enumerate(rows, start=1):
        if (row["seq"], row["prev_hash"], row["hash"]) != (position, before, _hash(row)):
            raise PermanentError(
                f"audit row {position}",
                "does not fit the chain",
                "rows as they were written",
                "compare with an off-site copy of the audit table",
            )
        before = row["hash"]
    return len(rows)


def _rows(connection: Connection, lake: Lake) -> list[dict[str, Any]]:
    register_table(connection, lake, AUDIT.name, None)
    found: list[dict[str, Any]] = (
        connection.sql("select * from audit order by seq").to_arrow_table().to_pylist()
    )
    return found


def _hash(row: dict[str, Any]) -> str:
    content = {name: row[name] for name in sorted(row) if name != "hash"}
    # in UTC: the hash may not depend on the zone of whoever verifies it
    content["at"] = row["at"].astimezone(UTC).isoformat()
    content["day"] = row["day"].isoformat()
    return sha256_of(json.dumps(content, sort_keys=True).encode())
