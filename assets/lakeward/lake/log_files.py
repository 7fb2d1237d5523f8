"""Whether the log of a table is whole up to a version, seen from its files alone.

A commit that a crash of the machine left empty is valid to a reader of the log: it adds nothing
and removes nothing. A list whose last commit was such read as the version before it, which is
empty, and the night passed. What a commit says belongs to `data_files`.
"""

import json
import re
from pathlib import Path

from lakeward.core.errors import DamagedError

_COMMIT = re.compile(r"\d{20}\.json")
_SAID = re.compile(r"(?P<table>\w+)/_delta_log/(?P<version>\d{20})\.json (?P<what>is [a-z ]+)")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\b.*\.parquet")


def log_damage(folder: Path, version: int) -> DamagedError | None:
    """Return what is wrong with the log of a table up to a version; None when it is whole.

    Args:
        folder: Folder of the table.
        version: Version that is to be read: its commit must be there, whole, and so must all
            since the checkpoint before it.
    """
    log = folder / "_delta_log"
    try:
        names = sorted(path.name for path in log.iterdir())
    except OSError:
        return None  # no table at all, which is for the caller to say
    points = (int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name)))
    # a checkpoint holds all that came before it
    since = max((point for point in points if point <= version), default=-1)
    present = {int(name[:20]) for name in names if _COMMIT.fullmatch(name)}
    for number in range(since + 1, version + 1):
        if number not in present or not (log / _name(number)).stat().st_size:
            return _damaged(folder, number, "is missing" if number not in present else "is empty")
    if since == version:
        return None
    return None if _is_whole(log / _name(version)) else _damaged(folder, version, "is cut off")


def has_empty_commit(folder: Path, version: int) -> bool:
    """Return whether the commit of a version is empty: no more is asked each time a table opens."""
    try:
        return not (folder / "_delta_log" / _name(version)).stat().st_size
    except OSError:
        return False


def empty_commit(folder: Path, version: int) -> DamagedError:
    """Return the error to raise for it."""
    return _damaged(folder, version, "is empty")


def log_damage_in(text: str) -> DamagedError | None:
    """Return the damage that a text of ours is about; None when it names no commit."""
    found = _SAID.search(text)
    return _damaged(Path(found["table"]), int(found["version"]), found["what"]) if found else None


def _is_whole(commit: Path) -> bool:
    lines = commit.read_bytes().splitlines()
    try:
        return bool(lines) and all(isinstance(json.loads(at), dict) for at in (lines[0], lines[-1]))
    except ValueError:
        return False


def _name(version: int) -> str:
    return f"{version:020}.json"


def _damaged(folder: Path, version: int, what: str) -> DamagedError:
    return DamagedError(
        f"table {folder.name}",
        f"log file {folder.name}/_delta_log/{_name(version)} {what}",
        "each commit of the log, whole",
        "restore the folder of the table from a backup; a table that each night builds whole is"
        " built again by `lakeward run` once its folder is moved away",
    )
