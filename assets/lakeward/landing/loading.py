"""Loading what is pending, in order and in bounded batches, for any format.

The format's own `load` reads the files and writes its tables; here it is only called in the order
of the ledger and its counts are entered. A kill between the two is mended by the next call.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lakeward.lake.tables import Lake
from lakeward.landing.ledger import FileCounts, LedgerFile, pending, settle
from lakeward.landing.source_rules import half_loaded, note_rules, noted_rules
from lakeward.landing.sources import Source

Load = Callable[[Lake, Path, Source, Sequence[LedgerFile]], list[FileCounts]]

RETELLING = frozenset({"fhir"})
"""Formats of which the same file again can change what is true: a resource without stamps that was
told as A, B and A again is A. In the others a record is an event, which happens once."""

BATCH_BYTES = 256 * 2**20
"""Files are committed together up to this size: 20,000 tiny files are not 20,000 commits."""


def load_pending(lake: Lake, landing: Path, source: Source, load: Load) -> list[FileCounts]:
    """Load all pending files of a source and enter what became of them.

    Files that a kill left half loaded are loaded by the rules by which they were begun.

    Args:
        lake: Where raw tables and ledger live.
        landing: Folder below which the files lie.
        source: Whose files.
        load: Reads consecutive files of the source and writes raw rows and quarantine.

    Returns:
        Counts of the files loaded now, in order of arrival.
    """
    done: list[FileCounts] = []
    for rules, files in _by_rules(lake, source):
        for batch in _batches(files):
            counts = load(lake, landing, rules, batch)
            settle(lake, source.name, counts)
            done += counts
    if not done:
        settle(lake, source.name, [])  # repeats that a kill left unsettled
    return done


def _by_rules(lake: Lake, source: Source) -> Iterator[tuple[Source, Sequence[LedgerFile]]]:
    """Part the pending files: first those that a load by other rules has begun, then the others."""
    files = pending(lake, source.name, repeats=source.format in RETELLING)
    before = noted_rules(lake, source.name)
    if not files or before == source:
        yield source, files
        return
    through = half_loaded(lake, source.name, files) if before else 0
    if before and through:
        yield before, [file for file in files if file.received <= through]
    note_rules(lake, source)
    yield source, [file for file in files if file.received > through]


def _batches(files: Sequence[LedgerFile]) -> Iterator[list[LedgerFile]]:
    batch: list[LedgerFile] = []
    for file in files:
        if batch and sum(f.bytes for f in batch) + file.bytes > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch
