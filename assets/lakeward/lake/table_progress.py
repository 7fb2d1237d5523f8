"""How the progress of a derived table is written into its commits, and read from them.

It is metadata of the transaction log, in clear text: positions and names of tables, never a value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakeward.lake.progress import Positions, end_of_file


@dataclass(frozen=True)
class TableProgress:
    """How far a derived table is.

    Attributes:
        digest: Hash of all that decided its rows.
        through: By key the position that it is complete up to.
        is_catching_up: It was rebuilding, and is complete only up to there whatever others say.
        complete_tables: The tables that are as far as this one; None when it answers for none.
    """

    digest: str
    through: Positions
    is_catching_up: bool = False
    complete_tables: frozenset[str] | None = None


def progress_text(progress: TableProgress) -> str:
    """Return what a commit remembers, as JSON."""
    state: dict[str, object] = {"digest": progress.digest, "through": progress.through}
    if progress.is_catching_up:
        state["is_catching_up"] = True
    if progress.complete_tables is not None:
        state["complete_tables"] = sorted(progress.complete_tables)
    return json.dumps(state, sort_keys=True)


def read_progress(text: str | None) -> TableProgress | None:
    """Read what a commit remembers; None when that is no progress, so the table must be rebuilt."""
    try:
        return _progress(json.loads(text or "null"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _progress(state: Any) -> TableProgress:
    # read, not migrated: the next commit of the table writes the present form
    if isinstance(state, list):
        return _of_files(*state)
    tables = state.get("complete_tables", state.get("tables"))
    return TableProgress(
        # FHIR wrote `view`, HL7 v2 `spec`, `deriving` and `tables`, until 2026-11: they are read
        # so that lakes of then are not rebuilt
        digest=state.get("digest") or state.get("view") or state["spec"],
        through={str(key): int(position) for key, position in state["through"].items()},
        is_catching_up=state.get("is_catching_up", state.get("deriving", False)),
        complete_tables=None if tables is None else frozenset(tables),
    )


def _of_files(digest: str, files: Mapping[str, int]) -> TableProgress:
    """Read what tables over all resource types wrote until 2026-11: the last file by key."""
    return TableProgress(str(digest), {k: end_of_file(received) for k, received in files.items()})
