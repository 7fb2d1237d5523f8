"""The way back: rejected records come again as a delivery, once, and the trail says so.

A replay is prepared in a scratch home, where the format itself says what it would reject again;
that stays open, and no file is made of it. What remains is committed in this order: files under
hidden names, the trail in one commit, files under their names. A file is named by the trail before
a run can see it, so a kill at any moment leaves either nothing (hidden files that no trail names
are removed) or what `finish` completes. How a format reads a file is given from above.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lakeward.core.errors import UsageError
from lakeward.core.files import flush
from lakeward.core.paths import replayed
from lakeward.lake.tables import Lake, arrow_schema
from lakeward.quarantine.compose import ReplayFile, Shape, compose
from lakeward.quarantine.records import Rejected, Selection, find
from lakeward.quarantine.trail import ACTION, append, settle, standing

NOT_ONE = "not_one_record"
"""Reason for a record that its format does not read as one record when it stands in a file."""


@dataclass(frozen=True)
class Verdict:
    """What a format makes of a replay file: records found, and why it would reject which."""

    found: int
    rejected: Mapping[int, str] = field(default_factory=dict)
    is_data: bool = True


Judge = Callable[[Path, Sequence[ReplayFile]], Mapping[str, Verdict]]
"""Loads files below a folder in a scratch lake; gives a verdict by file."""


@dataclass(frozen=True)
class By:
    """Who acts, when and why."""

    principal: str
    at: datetime
    note: str | None = None


@dataclass(frozen=True)
class Prepared:
    """Replay files below `folder` that would load, and why which records would not."""

    folder: Path
    files: tuple[ReplayFile, ...]
    refused: Mapping[str, str]

    @property
    def records(self) -> list[Rejected]:
        """Give the records that come again."""
        return [entry.record for file in self.files for entry in file.entries]


def choose(lake: Lake, landing: Path, selection: Selection) -> tuple[list[Rejected], int]:
    """Give the records to replay, and how many of the selection are replayed already.

    Without ids only open records are taken; by its id a discarded one comes back too.

    Raises:
        UsageError: An id is unknown, or stands for another record's replay; or no record has the
            reason.
    """
    found = find(lake, selection)
    if selection.reason and not found:
        known = sorted({record.reason for record in find(lake, Selection())})
        raise UsageError(
            f"reason {selection.reason}",
            "no such record is in quarantine",
            " or ".join(known) or "a rejected record",
            "see `lakeward quarantine list`",
        )
    for record in found if selection.ids else ():
        if record.replay_of:
            raise UsageError(
                f"quarantine_id {record.quarantine_id}",
                "is a replay that was rejected again",
                "the record itself",
                f"replay {record.replay_of}",
            )
    states = {"open", "discarded"} if selection.ids else {"open"}
    lost = _lost(lake, landing)
    chosen = [
        record
        for record in found
        if record.state in states and (not record.is_waiting or record.quarantine_id in lost)
    ]
    return chosen, sum(record.state == "replayed" or record.is_waiting for record in found)


def prepare(
    lake: Lake,
    landing: Path,
    scratch: Path,
    records: Sequence[Rejected],
    *,
    shapes: Mapping[str, Shape],
    judge: Judge,
    correction: bytes | None = None,
) -> Prepared:
    """Write replay files into a scratch folder, without the records that would be rejected again.

    Args:
        lake: Holds the records and the trail.
        landing: Folder of the landed files.
        scratch: Folder for the files; a scratch home's landing.
        records: Which, as `choose` gives them.
        shapes: By source.
        judge: Asks the format.
        correction: What comes instead of the one record.

    Raises:
        UsageError: The correction is what was rejected, is not one record, or would be rejected.
    """
    numbers = _numbers(lake)

    def composed(target: Path, chosen: Sequence[Rejected]) -> list[ReplayFile]:
        return compose(
            lake,
            landing,
            target,
            chosen,
            shapes=shapes,
            numbers=numbers,
            correction=correction,
        )

    files = composed(scratch, records)
    if correction is not None:
        _check_changed(files)
    verdicts = judge(scratch, files) if files else {}
    if correction is not None:
        _check_correction(files, verdicts)
    refused = {i: reason for f in files for i, reason in _refused(f, verdicts[f.file])}
    if not refused:
        return Prepared(scratch, tuple(files), {})
    kept = [record for record in records if record.quarantine_id not in refused]
    folder = scratch.with_name(f"{scratch.name}-kept")
    return Prepared(folder, tuple(composed(folder, kept)), refused)


def commit(lake: Lake, landing: Path, prepared: Prepared, by: By, *, edited: bool = False) -> None:
    """Bring prepared files into landing and enter them in the trail; the caller holds the lake.

    Raises:
        UsageError: The folder of a delivery is gone, so that no run would look there.
    """
    _clear(lake, landing)
    for file in prepared.files:
        _place(prepared.folder / file.file, landing / file.file)
    rows = [
        {
            **_deed(entry.record, "edited" if edited else "replayed", by),
            "file": file.file,
            "file_sha256": file.sha256,
            "position": entry.position,
            "original_sha256": entry.original_sha256,
            "sha256": entry.sha256,
        }
        for file in prepared.files
        for entry in file.entries
    ]
    if rows:
        append(lake, pa.Table.from_pylist(rows, schema=arrow_schema(ACTION)))
    finish(lake, landing)
    settle(lake)


def finish(lake: Lake, landing: Path) -> int:
    """Show files that the trail names and that a kill left hidden; give how many."""
    hidden = _hidden(landing)
    named = _named(lake) if hidden else frozenset()
    done = [file for file in hidden if file in named]
    for file in done:
        hidden[file].replace(landing / file)
    return len(done)


def discard(lake: Lake, records: Sequence[Rejected], by: By) -> int:
    """Enter that records will not be loaded; they are kept. Give how many were not discarded yet.

    Raises:
        UsageError: A record is replayed, or waits for a run.
    """
    for record in records:
        if record.state == "replayed" or record.is_waiting:
            raise UsageError(
                f"quarantine_id {record.quarantine_id}",
                "is replayed",
                "open records",
                "see `lakeward quarantine show`",
            )
    rows = [_deed(record, "discarded", by) for record in records if record.state == "open"]
    if rows:
        append(lake, pa.Table.from_pylist(rows, schema=arrow_schema(ACTION)))
    settle(lake)
    return len(rows)


def _refused(file: ReplayFile, verdict: Verdict) -> list[tuple[str, str]]:
    """Give the records that would not be loaded, and why."""
    places = {entry.position for entry in file.entries}
    reasons = verdict.rejected
    if verdict.found == len(places) == 1:  # whatever place the format calls it by
        reasons = dict(zip(places, verdict.rejected.values(), strict=False))
    if not verdict.is_data or verdict.found != len(places) or not reasons.keys() <= places:
        return [(entry.record.quarantine_id, NOT_ONE) for entry in file.entries]
    return [
        (entry.record.quarantine_id, reasons[entry.position])
        for entry in file.entries
        if entry.position in reasons
    ]


def _check_changed(files: Sequence[ReplayFile]) -> None:
    for entry in (entry for file in files for entry in file.entries):
        if entry.sha256 == entry.original_sha256:
            raise UsageError(
                "corrected record",
                "is the same as the rejected one",
                "a change",
                "leave out --edit to replay it as it is",
            )


def _check_correction(files: Sequence[ReplayFile], verdicts: Mapping[str, Verdict]) -> None:
    for file in files:
        verdict = verdicts[file.file]
        if not verdict.is_data or verdict.found != 1:
            found = verdict.found if verdict.is_data else "no"
            what = f"holds {found} record(s)"
            raise UsageError("corrected record", what, "one record", "mend the file")
        for reason in verdict.rejected.values():
            what = f"would be rejected as {reason}"
            raise UsageError("corrected record", what, "one that loads", "mend the file")


def _deed(record: Rejected, action: str, by: By) -> dict[str, object]:
    nothing = {column.name: None for column in ACTION.columns}
    who = {"at": by.at, "principal": by.principal, "note": by.note}
    return {
        **nothing,
        **who,
        "quarantine_id": record.quarantine_id,
        "source": record.source,
        "action": action,
    }


def _place(composed: Path, target: Path) -> None:
    """Bring a file beside its place under a hidden name, on disk before anybody names it."""
    delivery = target.parent.parent
    if not delivery.is_dir():
        raise UsageError(
            str(delivery),
            "is gone, so no run would load a replay there",
            "the folder of the delivery",
            "make it, with an empty file _COMPLETE in it",
        )
    target.parent.mkdir(exist_ok=True)
    hidden = target.with_name(f".{target.name}.partial")
    shutil.move(composed, hidden)
    for path in (hidden, hidden.parent):
        flush(path)


def _clear(lake: Lake, landing: Path) -> None:
    """Finish or remove what a kill left."""
    finish(lake, landing)
    for path in _hidden(landing).values():
        path.unlink()


def _hidden(landing: Path) -> dict[str, Path]:
    """Find hidden replay files, by the name that they will have below landing."""
    shown = {
        path.with_name(path.name.removeprefix(".").removesuffix(".partial")): path
        for path in landing.glob("*/*/replay/.*.partial")
    }
    return {path.relative_to(landing).as_posix(): hidden for path, hidden in shown.items()}


def _named(lake: Lake) -> Collection[str]:
    with standing(lake) as connection:
        rows = connection.execute("select distinct file from replay").fetchall()
    return frozenset(file for (file,) in rows)


def _numbers(lake: Lake) -> dict[tuple[str, int], int]:
    """Give the last number of the replay files of each landed file."""
    last: dict[tuple[str, int], int] = {}
    for file in _named(lake):
        name = replayed(file)
        if name:
            source, received, number = name
            last[source, received] = max(number, last.get((source, received), 0))
    return last


def _lost(lake: Lake, landing: Path) -> Collection[str]:
    """Find records that wait for a file which nobody can load any more."""
    with standing(lake) as connection:
        rows = connection.execute(
            "select quarantine_id, file from replay where outcome = 'waiting'"
        ).fetchall()
    hidden = _hidden(landing)
    gone = {f for f in {f for _, f in rows} if f not in hidden and not (landing / f).is_file()}
    return {quarantine_id for quarantine_id, file in rows if file in gone}
