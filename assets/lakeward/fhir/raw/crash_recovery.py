"""What an interrupted load has committed decides: a record is never in raw and in quarantine.

Between a kill and the next run the rules may have changed (a view of the deployment, the code).
Then what is judged anew differs from what is stored; here it is brought back to that.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeward.fhir.view_tables import RAW_NAME
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, transaction_version
from lakeward.landing.ledger import LedgerFile
from lakeward.quarantine.table import QUARANTINE


def settle_reasons(
    lake: Lake, records: pa.Table, files: Sequence[LedgerFile]
) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Give records the reason that they stand in quarantine with, if they do.

    A file whose good records are in raw is closed: what is not in quarantine there stays good. In
    one that raw lacks, more may be set aside than was.

    Args:
        lake: Holds raw and quarantine.
        records: Envelopes of one load.
        files: Its files, ascending, of one source.

    Returns:
        The envelopes, and which of them stand in quarantine.
    """
    source, first = files[0].source, files[0].received
    raw, aside = (
        transaction_version(lake, table, source) or 0 for table in (RAW_NAME, QUARANTINE.name)
    )
    is_held = np.zeros(len(records), np.bool_)
    if max(raw, aside) < first:
        return records, is_held
    with connect(lake, tables=[QUARANTINE.name]) as connection:
        rows = connection.execute(
            f"select received, position, reason, detail from {QUARANTINE.name}"
            " where source = ? and received >= ?",
            [source, first],
        ).fetchall()
    held = {(received, line): told for received, line, *told in rows}
    repeats = {file.received for file in files if file.repeats is not None}
    columns = ("received", "line", "reason", "detail")
    settled = []
    for number, row in enumerate(records.select(columns).to_pylist()):
        told = held.get((row["received"], row["line"]))
        is_held[number] = told is not None
        # the bad records of a file that came before are not set aside again, and stay bad
        is_closed = row["received"] <= raw and row["received"] not in repeats
        settled.append(told or ([None, None] if is_closed else [row["reason"], row["detail"]]))
    for index, name in enumerate(("reason", "detail")):
        column = pa.array([told[index] for told in settled], pa.string()).dictionary_encode()
        records = records.set_column(records.schema.get_field_index(name), name, column)
    return records, is_held
