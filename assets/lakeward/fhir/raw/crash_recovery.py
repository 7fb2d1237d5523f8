"""After an interrupted load: a record is never both in raw and in quarantine.

A load commits quarantine first and raw second. If it is killed and run again, the rules may have
changed in between (a view of the deployment, the code), and then a record is checked otherwise than
before. What the killed load has committed then decides:

    quarantine   raw    records that stand in quarantine   all other records
    committed    yes    keep the reason they have there    are good: raw holds them
    committed    no     keep the reason they have there    as checked now: more may be rejected
    not          no     (none)                             as checked now
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


def restore_reasons(
    lake: Lake, records: pa.Table, files: Sequence[LedgerFile]
) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Return the records with the reasons that an interrupted load has stored.

    Args:
        lake: Holds raw and quarantine.
        records: Checked records of one load, see `checked_records.CheckedRecords.table`.
        files: Its files, ascending, of one source.

    Returns:
        The records with `reason` and `detail` restored, and which of them stand in quarantine.
    """
    source, first = files[0].source, files[0].received
    raw, quarantined = (
        transaction_version(lake, table, source) or 0 for table in (RAW_NAME, QUARANTINE.name)
    )
    is_quarantined = np.zeros(len(records), np.bool_)
    if max(raw, quarantined) < first:  # nothing was interrupted: the usual case
        return records, is_quarantined
    with connect(lake, tables=[QUARANTINE.name]) as connection:
        rows = connection.execute(
            f"select received, position, reason, detail from {QUARANTINE.name}"
            " where source = ? and received >= ?",
            [source, first],
        ).fetchall()
    stored = {(received, line): rejection for received, line, *rejection in rows}
    repeats = {file.received for file in files if file.repeats is not None}
    columns = ("received", "line", "reason", "detail")
    restored = []
    for number, row in enumerate(records.select(columns).to_pylist()):
        rejection = stored.get((row["received"], row["line"]))
        is_quarantined[number] = rejection is not None
        # A file whose content was delivered before has its rejected records in quarantine under the
        # earlier file only. They stay rejected here, though they are not found.
        is_closed = row["received"] <= raw and row["received"] not in repeats
        as_checked = [row["reason"], row["detail"]]
        restored.append(rejection or ([None, None] if is_closed else as_checked))
    for index, name in enumerate(("reason", "detail")):
        column = pa.array([one[index] for one in restored], pa.string()).dictionary_encode()
        records = records.set_column(records.schema.get_field_index(name), name, column)
    return records, is_quarantined
