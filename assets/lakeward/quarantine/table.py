"""The quarantine table and its rows; what is wrong with a record is decided by its format."""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.origin import BYTE_LENGTH, BYTE_OFFSET, ORIGIN
from lakeward.lake.tables import Column, TableSpec, arrow_schema

QUARANTINE = TableSpec(
    name="quarantine",
    description="Records that could not be loaded: position, reason and raw bytes",
    grain="One row per rejected record",
    columns=(
        Column(
            "quarantine_id",
            "VARCHAR",
            Phi.N,
            "Identifier made of source, received and place",
            is_ours=True,
        ),
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


def quarantine_rows(rejected: pa.Table) -> pa.Table:
    """Build rows of `quarantine` from rejected records.

    The identifier is made of where the record was delivered and of nothing else, so a load that
    is repeated after a crash gives the same one.

    Args:
        rejected: All columns of `quarantine` but `quarantine_id` and `state`; one row per record,
            `source`, `received` and `place` together unique.
    """
    names = ("source", "received", "place")
    places = zip(*(rejected.column(name).to_pylist() for name in names), strict=True)
    rows = rejected.append_column("quarantine_id", pa.array(map(_identifier, places), pa.string()))
    rows = rows.append_column("state", pa.repeat("open", len(rows)))
    schema = arrow_schema(QUARANTINE)
    return rows.select(schema.names).cast(schema)


def _identifier(place: Sequence[object]) -> str:
    # without a secret: nothing of the record is in it, only where it stood
    return str(uuid5(NAMESPACE_URL, "|".join(map(str, place))))
