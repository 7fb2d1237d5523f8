"""Loading what is pending, in order and in bounded batches, for any format.

The format's own `load` reads the files and writes its tables; here it is only called in the order
of the ledger and its counts are entered. A kill between the two is mended by the next call.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lakeward.lake.tables import Lake
from lakeward.landing.ledger import FileCounts, LedgerFile, pending, settle
from lakeward.landing.sources import Source

Load = Callable[[Lake, Path, Source, Sequence[LedgerFile]], list[FileCounts]]

RETELLING = frozenset({"fhir"})
"""Formats of which the same file again can change what is true: a resource without stamps that was
told as A, B and A again is A. In the others a record is an event, which happens once."""

BATCH_BYTES = 256 * 2**20
"""Files are committed together up to this size: 20,000 tiny files are not 20,000 commits."""


def load_pending(lake: Lake, landing: Path, source: Source, load: Load) -> list[FileCounts]:
    """Load all pending files of a source and enter what became of them.

    Args:
        lake: Where raw tables and ledger live.
        landing: Folder below which the files lie.
        source: Whose files.
        load: Reads consecutive files of the source and writes raw rows and quarantine.

    Returns:
        Counts of the files loaded now, in order of arrival.
    """
    done: list[FileCounts] = []
    for batch in _batches(pending(lake, source.name, repeats=source.format in RETELLING)):
        counts = load(lake, landing, source, batch)
        settle(lake, source.name, counts)
        done += counts
    if not done:
        settle(lake, source.name, [])  # repeats that a kill left unsettled
    return done


def _batches(files: Sequence[LedgerFile]) -> Iterator[list[LedgerFile]]:
    batch: list[LedgerFile] = []
    for file in files:
        if batch and sum(f.bytes for f in batch) + file.bytes > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch
