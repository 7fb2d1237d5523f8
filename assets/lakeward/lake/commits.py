"""What the commits of a table say of themselves, read from the files of its log.

Opening the table to find out costs ten times that. Nothing here writes.
"""

import json
from pathlib import Path
from typing import Any

CONTENT_KEY = "lakeward.content"
"""Commit metadata that identifies what a table holds, see `tables.content_of`."""

_SAME_ROWS = frozenset(
    {"ADD COLUMN", "SET TBLPROPERTIES", "OPTIMIZE", "VACUUM START", "VACUUM END"}
)
"""Operations that leave every row as it was.

After them the table still holds what an earlier commit says. Any other operation without the
metadata is a foreign write, and what was said before no longer holds.
"""


def remembered(table: Path, version: int | None) -> str | None:
    """Return what the last commit that changed rows remembers, looking back from a version."""
    # without this look back, one OPTIMIZE would have a derived table rebuilt
    while version is not None and version >= 0:
        commit = _commit(table, version)
        if CONTENT_KEY in commit or commit.get("operation") not in _SAME_ROWS:
            return commit.get(CONTENT_KEY)
        version -= 1
    return None


def _commit(table: Path, version: int) -> dict[str, Any]:
    try:
        text = (table / "_delta_log" / f"{version:020}.json").read_text("utf-8")
    except FileNotFoundError:
        # a commit whose file is gone states nothing, as one of somebody else does
        return {}
    # a commit lists every file that it adds: only the line that is asked for is parsed
    infos = (json.loads(line)["commitInfo"] for line in text.split("\n") if '"commitInfo"' in line)
    return next(infos, {})
