"""The quarantine table and writing to it; what is wrong with a record is decided by its format."""

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    TableWrite,
    Transaction,
    ensure_table,
    write,
)

QUARANTINE = TableSpec(
    name="quarantine",
    description="Records that left the line sideways: place, reason and raw bytes",
    grain="One row per rejected record",
    columns=(
        Column("quarantine_id", "VARCHAR", Phi.N, "Identifier made of source, received and place"),
        Column("source", "VARCHAR", Phi.N, "Interface that delivered the record"),
        Column("received", "BIGINT", Phi.N, "Sequence number of the file within its source"),
        Column("day", "DATE", Phi.N, "Day of the delivery"),
        Column("file", "VARCHAR", Phi.LK, "Path below landing; names are the sender's"),
        Column("place", "VARCHAR", Phi.N, "Where it stood, as `line 12` or `message 3`"),
        Column("position", "BIGINT", Phi.N, "Line or message number, from 1"),
        Column("byte_offset", "BIGINT", Phi.N, "First byte in the file, from 0"),
        Column("byte_length", "BIGINT", Phi.N, "Length in bytes"),
        Column("reason", "VARCHAR", Phi.N, "Reason code"),
        Column("detail", "VARCHAR", Phi.N, "What was expected, without values of the record"),
        Column("state", "VARCHAR", Phi.N, "open, replayed or discarded"),
        Column("content", "BLOB", Phi.SP, "The record's bytes as delivered"),
    ),
)


def write_quarantine(lake: Lake, rows: pa.Table, transaction: Transaction) -> TableWrite | None:
    """Append rejected records in one commit; None and no commit when there are none."""
    ensure_table(lake, QUARANTINE)
    if not rows.num_rows:
        return None
    return write(lake, QUARANTINE, rows, mode="append", transaction=transaction)
