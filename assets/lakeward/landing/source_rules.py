"""The rules of a source that its files were last loaded by.

A load commits raw and quarantine one after the other. If it is killed in between and its entry of
`sources.yaml` is changed before the next run, each record must still be checked by the rules by
which the load was begun: by other rules it could end in both tables, or in neither. So the entry is
noted before a load.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from lakeward.core.files import write_atomically
from lakeward.lake.tables import Lake, table_names, transaction_version
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source


def noted_rules(lake: Lake, source: str) -> Source | None:
    """Read the entry by which a source was last loaded; None when that is not known."""
    try:
        return Source.model_validate_json(_path(lake, source).read_bytes())
    except (OSError, ValidationError):  # none yet, or of a release whose entries were others
        return None


def note_rules(lake: Lake, source: Source) -> None:
    """Note the entry by which a source is loaded from now on."""
    write_atomically(_path(lake, source.name), source.model_dump_json().encode())


def half_loaded(lake: Lake, source: str, files: Sequence[LedgerFile]) -> int:
    """Return the last of pending files that a table of the lake holds something of; 0 when none.

    Args:
        lake: Whose tables were written with `received` as transaction.
        source: Whose files.
        files: Its pending files, ascending.
    """
    # of any table: which one is committed first is the format's affair
    done = max((transaction_version(lake, t, source) or 0 for t in table_names(lake)), default=0)
    return done if done >= files[0].received else 0


def _path(lake: Lake, source: str) -> Path:
    return lake.root / "_rules" / f"{source}.json"
