"""The quarantine table and writing to it; what is wrong with a record is decided by its format."""

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.origin import BYTE_LENGTH, BYTE_OFFSET, ORIGIN
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
        *ORIGIN,
        Column("place", "VARCHAR", Phi.N, "Where it stood, as `line 12` or `message 3`"),
        Column("position", "BIGINT", Phi.N, "Line or message number, from 1"),
        BYTE_OFFSET,
        BYTE_LENGTH,
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
