"""The table of envelopes: each batch and file of a delivery once, with what became of it.

Reads what was accepted before, hands it to `reconcile`, and stores the outcome. A landed file
without FHS, BHS, BTS and FTS has no envelope and no row here; the ledger has every file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from lakeward.core.phi import Phi
from lakeward.hl7v2.framing.batch import FileLayout
from lakeward.hl7v2.framing.envelope import Header, later_control_id
from lakeward.hl7v2.framing.reconcile import EnvelopeOutcome, History, reconcile
from lakeward.lake.origin import ORIGIN
from lakeward.lake.query import connect
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    ensure_table,
    open_table,
    transaction_version,
)
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source

ENVELOPES = TableSpec(
    name="hl7v2_batch",
    description="Batches and files of HL7 v2 messages: promised and found counts, and outcome",
    grain="One row per envelope: BHS … BTS, or FHS … FTS",
    columns=(
        *ORIGIN,
        Column("kind", "VARCHAR", Phi.N, "file (FHS … FTS) or batch (BHS … BTS)"),
        Column("number", "BIGINT", Phi.N, "Number within its kind in the file, from 1"),
        Column("in_file", "BIGINT", Phi.N, "Of a batch: number of the file it stands in, if any"),
        Column("sending_application", "VARCHAR", Phi.QI, "FHS-3 or BHS-3; a batch has its file's"),
        Column("sending_facility", "VARCHAR", Phi.QI, "FHS-4 or BHS-4; a batch has its file's"),
        Column("receiving_application", "VARCHAR", Phi.QI, "FHS-5 or BHS-5"),
        Column("receiving_facility", "VARCHAR", Phi.QI, "FHS-6 or BHS-6"),
        Column("created_text", "VARCHAR", Phi.QI, "FHS-7 or BHS-7 as sent"),
        Column("name", "VARCHAR", Phi.LK, "FHS-9 or BHS-9"),
        Column("control_id", "VARCHAR", Phi.LK, "FHS-11 or BHS-11"),
        Column("reference_control_id", "VARCHAR", Phi.LK, "FHS-12 or BHS-12: what it answers"),
        Column("promised", "BIGINT", Phi.N, "BTS-1 messages or FTS-1 batches; NULL: no count"),
        Column("found", "BIGINT", Phi.N, "Messages or batches found"),
        Column("missing", "BIGINT", Phi.N, "Numbers that the counter in FHS-11 skipped before it"),
        Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of its messages, LF and CRLF as CR"),
        Column(
            "state", "VARCHAR", Phi.N, "accepted, accepted_with_warning, duplicate or quarantined"
        ),
        Column("warnings", "VARCHAR[]", Phi.N, "Codes of what is not as it should be"),
    ),
)

# what is accepted in part may come again, so it is no reuse of its control id
_ACCEPTED_SQL = """
select kind, coalesce(sending_application, ''), coalesce(sending_facility, ''), control_id,
    content_sha256
from hl7v2_batch
where source = $source and received <= $through and control_id is not null
    and list_contains($ids, control_id) and state in ('accepted', 'accepted_with_warning')
    and not list_contains(warnings, 'partly_quarantined')
"""
# the latest 100 file control ids of each sender: enough to find the one that is furthest on
_COUNTER_SQL = """
select coalesce(sending_application, ''), coalesce(sending_facility, ''),
    list(control_id order by received, number)[-100:]
from hl7v2_batch
where source = $source and received <= $through and control_id is not null and kind = 'file'
    and state <> 'duplicate'
group by all
"""


@dataclass(frozen=True)
class Reconciled:
    """Files of one load: their layouts with reasons, and rows of `hl7v2_batch` to be written."""

    layouts: list[FileLayout]
    rows: list[dict[str, Any]]


def reconcile_files(
    lake: Lake,
    landing: Path,
    source: Source,
    files: Sequence[LedgerFile],
    layouts: Sequence[FileLayout],
) -> Reconciled:
    """Reconcile the envelopes of consecutive files.

    A file whose envelopes are stored is passed over: all else of it is stored too. Each other file
    is compared with those before it alone, so a load after a crash comes to the same outcome.
    """
    ensure_table(lake, ENVELOPES)
    done = transaction_version(lake, ENVELOPES.name, source.name) or 0
    # Compared with files before the load only, and these are added one by one: so the second run
    # after a kill compares each file with the same ones as the first.
    history = _history(lake, source, done, layouts)
    reconciled: list[FileLayout] = []
    rows: list[dict[str, Any]] = []
    for file, layout in zip(files, layouts, strict=True):
        if file.received <= done or not (layout.batches or layout.files):
            reconciled.append(layout)
            continue
        with_reasons, outcomes = reconcile(landing / file.file, layout, source, history)
        reconciled.append(with_reasons)
        rows += [_row(file, each) for each in outcomes]
    return Reconciled(reconciled, rows)


def count_envelopes(lake: Lake) -> dict[str, Any]:
    """Count envelopes, doubtful charsets and test messages, over all that is stored.

    Returns:
        Counts by name: the columns of `_COUNTS_SQL` and `_DOUBTS_SQL`.
    """
    ensure_table(lake, ENVELOPES)
    queries = {ENVELOPES.name: _COUNTS_SQL, _RAW: _DOUBTS_SQL}
    found: dict[str, Any] = {}
    for table, sql in queries.items():
        if open_table(lake, table) is not None:
            with connect(lake, tables=[table]) as connection:
                relation = connection.sql(sql)
                found |= zip(relation.columns, relation.fetchall()[0], strict=True)
    return found


_RAW = "raw_hl7v2__message"
_DOUBTS_SQL = """
select
    count(*) filter (charset_flag is not null) as messages_with_charset_in_doubt,
    count(*) filter (processing_id in ('D', 'T')) as messages_not_for_production
from raw_hl7v2__message
"""
_COUNTS_SQL = """
select
    count(*) filter (kind = 'batch') as batches,
    count(*) filter (kind = 'file') as batch_files,
    coalesce(sum(promised) filter (kind = 'batch'), 0)::bigint as messages_promised,
    coalesce(sum(found) filter (kind = 'batch' and promised is not null), 0)::bigint
        as messages_found_where_promised,
    count(*) filter (list_contains(warnings, 'count_mismatch')) as batches_broken,
    count(*) filter (kind = 'batch' and found = 0) as batches_empty,
    count(*) filter (state = 'duplicate') as batches_duplicate,
    count(*) filter (state = 'quarantined') as batches_quarantined,
    count(*) filter (list_contains(warnings, 'control_id_reuse')) as control_ids_reused,
    count(*) filter (list_contains(warnings, 'truncated')) as batches_truncated,
    count(*) filter (
        list_contains(warnings, 'no_header') or list_contains(warnings, 'no_trailer')
    ) as batches_without_header_or_trailer,
    count(*) filter (list_contains(warnings, 'sequence_gap')) as sequence_gaps,
    coalesce(sum(missing), 0)::bigint as files_missing_in_sequence
from hl7v2_batch
"""


def broken_promises(lake: Lake) -> list[str]:
    """List where a trailer promises another count, as `adt #3 batch 2: promised 6, found 5`."""
    ensure_table(lake, ENVELOPES)
    with connect(lake, tables=[ENVELOPES.name]) as connection:
        rows = connection.execute(
            "select source, received, kind, number, promised, found from hl7v2_batch"
            " where promised <> found order by all"
        ).fetchall()
    return [
        f"{source} #{received} {kind} {number}: promised {promised}, found {found}"
        for source, received, kind, number, promised, found in rows
    ]


def _history(lake: Lake, source: Source, through: int, layouts: Sequence[FileLayout]) -> History:
    """Read what was accepted up to a file, and bears on the control ids of some files."""
    history = History()
    keys = [e.key for layout in layouts for e in (*layout.files, *layout.batches) if e.key]
    # most files have no control ids, and then nothing has to be asked
    if not keys:
        return history
    parameters = {"source": source.name, "through": through}
    with connect(lake, tables=[ENVELOPES.name]) as connection:
        ids = sorted({key[3] for key in keys})
        accepted = connection.execute(_ACCEPTED_SQL, {**parameters, "ids": ids}).fetchall()
        counters = connection.execute(_COUNTER_SQL, parameters).fetchall()
    for *key, content in accepted:
        history.contents.setdefault(tuple(key), set()).add(content)
    for application, facility, ids in counters:
        history.counters[application, facility] = reduce(later_control_id, ids)
    return history


def _row(file: LedgerFile, outcome: EnvelopeOutcome) -> dict[str, Any]:
    envelope = outcome.envelope
    return {
        "source": file.source,
        "received": file.received,
        "day": file.day,
        "file": file.file,
        "kind": envelope.kind,
        "number": envelope.number,
        # 0 is no file
        "in_file": envelope.file or None if envelope.kind == "batch" else None,
        # a trailer without a header is an envelope as well: what a header would say is NULL
        **vars(envelope.header or Header()),
        "promised": envelope.promised,
        "found": envelope.found,
        "missing": outcome.missing,
        "content_sha256": outcome.content_sha256,
        "state": outcome.state,
        "warnings": list(outcome.warnings),
    }
