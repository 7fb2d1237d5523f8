"""The way back: rejected records come again as a delivery, once, and the trail records it.

A replay is prepared in a scratch home, where the format itself says what it would reject again;
that stays open, and no file is made of it. What remains is committed so that a kill at any moment
leaves either nothing or what `finish` completes, see `commit`. How a format reads a file is handed
in by the caller.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lakeward.core.errors import UsageError
from lakeward.core.files import PARTIAL, flush, partial_of
from lakeward.core.paths import replayed
from lakeward.lake.tables import Lake, arrow_schema
from lakeward.quarantine.compose import ReplayedRecord, ReplayFile, ReplayPlan, compose
from lakeward.quarantine.records import Rejected, Selection, find
from lakeward.quarantine.trail import ACTION, append_actions, current_state, update_states

NOT_ONE = "not_one_record"
"""Reason for a record that its format does not read as one record when it stands in a file."""


@dataclass(frozen=True)
class ReplayCheck:
    """What a format makes of a replay file.

    Attributes:
        found: Records found.
        rejected: Reasons of those that it would reject, by position.
        is_data: It holds something of the format at all.
    """

    found: int
    rejected: Mapping[int, str] = field(default_factory=dict)
    is_data: bool = True


CheckFiles = Callable[[Path, Sequence[ReplayFile]], Mapping[str, ReplayCheck]]
"""Loads files below a folder in a scratch lake; returns what came of each, by file."""


@dataclass(frozen=True)
class Actor:
    """Who acts, when and why."""

    principal: str
    at: datetime
    note: str | None = None


@dataclass(frozen=True)
class Prepared:
    """Replay files below `folder` that would load.

    Attributes:
        folder: Takes the place of landing.
        files: Below it.
        still_rejected: Reasons of the records that would be rejected again, by `quarantine_id`.
    """

    folder: Path
    files: tuple[ReplayFile, ...]
    still_rejected: Mapping[str, str]

    @property
    def records(self) -> list[Rejected]:
        """Return the records that come again."""
        return [each.record for file in self.files for each in file.records]


def choose(lake: Lake, landing: Path, selection: Selection) -> tuple[list[Rejected], int]:
    """Return the records to replay, and how many of the selection are replayed already.

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
    # a discarded record comes back only when somebody names it
    states = {"open", "discarded"} if selection.ids else {"open"}
    lost = _lost(lake, landing)
    # a record that waits comes already; unless its replay file is lost, when it would wait for ever
    chosen = [
        record
        for record in found
        if record.state in states and (not record.is_waiting or record.quarantine_id in lost)
    ]
    return chosen, sum(record.state == "replayed" or record.is_waiting for record in found)


def prepare(
    plan: ReplayPlan, scratch: Path, records: Sequence[Rejected], check: CheckFiles
) -> Prepared:
    """Write replay files into a scratch folder, without the records that would be rejected again.

    Args:
        plan: Where records and files are.
        scratch: Folder for the files; a scratch home's landing.
        records: Which, as `choose` returns them.
        check: Asks the format.

    Raises:
        UsageError: The correction is what was rejected, is not one record, or would be rejected.
    """
    # the same for both compositions below, of which only one is landed
    numbers = _numbers(plan.lake)
    files = compose(plan, scratch, records, numbers)
    if plan.correction is not None:
        _check_changed(files)
    checks = check(scratch, files) if files else {}
    if plan.correction is not None:
        _check_correction(files, checks)
    rejected = {i: reason for f in files for i, reason in _rejected(f, checks[f.file])}
    if not rejected:
        return Prepared(scratch, tuple(files), {})
    # composed again: without some records, a file has other positions and another hash
    kept = [record for record in records if record.quarantine_id not in rejected]
    folder = scratch.with_name(f"{scratch.name}-kept")
    return Prepared(folder, tuple(compose(plan, folder, kept, numbers)), rejected)


def commit(
    lake: Lake, landing: Path, prepared: Prepared, actor: Actor, *, edited: bool = False
) -> None:
    """Bring prepared files into landing and enter them in the trail; the caller holds the lake.

    The order decides what a kill can leave:

        hidden file | trail names it | file shown
        yes         | no             | no          nothing happened: `_clear` removes it
        yes         | yes            | no          `finish` shows it
        -           | yes            | yes         done

    Raises:
        UsageError: The folder of a delivery is gone, so that no run would look there.
    """
    # first, because the number of a file that a kill left hidden is used again
    _clear(lake, landing)
    for file in prepared.files:
        _hide(prepared.folder / file.file, landing / file.file)
    action = "edited" if edited else "replayed"
    rows = [
        _replay_row(file, each, action, actor) for file in prepared.files for each in file.records
    ]
    # one commit: a trail of half the records of a file would not add up with what is found in it
    if rows:
        append_actions(lake, pa.Table.from_pylist(rows, schema=arrow_schema(ACTION)))
    finish(lake, landing)
    update_states(lake)


def finish(lake: Lake, landing: Path, source: str = "*") -> int:
    """Show files that the trail names and that a kill left hidden; return how many.

    Args:
        lake: Where the trail is kept.
        landing: Where the files are.
        source: Whose files; default: those of all sources.
    """
    hidden = _hidden(landing, source)
    named = _named(lake) if hidden else frozenset()
    done = [file for file in hidden if file in named]
    for file in done:
        # a rename within one folder: a run sees the whole file or none of it
        hidden[file].replace(landing / file)
    return len(done)


def discard(lake: Lake, records: Sequence[Rejected], actor: Actor) -> int:
    """Enter that records will not be loaded; they are kept. Return how many were not discarded yet.

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
    rows = [_action_row(record, "discarded", actor) for record in records if record.state == "open"]
    if rows:
        append_actions(lake, pa.Table.from_pylist(rows, schema=arrow_schema(ACTION)))
    update_states(lake)
    return len(rows)


def _rejected(file: ReplayFile, check: ReplayCheck) -> list[tuple[str, str]]:
    """Return the records that would be rejected again, and why."""
    positions = {each.position for each in file.records}
    reasons = check.rejected
    if check.found == len(positions) == 1:  # whatever position the format calls it by
        reasons = dict(zip(positions, check.rejected.values(), strict=False))
    # Other records than were put in: some would be loaded as parts of others, or not at all. So
    # no record of the file is replayed.
    if not check.is_data or check.found != len(positions) or not reasons.keys() <= positions:
        return [(each.record.quarantine_id, NOT_ONE) for each in file.records]
    return [
        (each.record.quarantine_id, reasons[each.position])
        for each in file.records
        if each.position in reasons
    ]


def _check_changed(files: Sequence[ReplayFile]) -> None:
    for each in (each for file in files for each in file.records):
        # the trail would say `edited` of bytes that nobody edited
        if each.sha256 == each.original_sha256:
            raise UsageError(
                "corrected record",
                "is the same as the rejected one",
                "a change",
                "leave out --edit to replay it as it is",
            )


def _check_correction(files: Sequence[ReplayFile], checks: Mapping[str, ReplayCheck]) -> None:
    for file in files:
        check = checks[file.file]
        if not check.is_data or check.found != 1:
            found = check.found if check.is_data else "no"
            what = f"holds {found} record(s)"
            raise UsageError("corrected record", what, "one record", "mend the file")
        for reason in check.rejected.values():
            what = f"would be rejected as {reason}"
            raise UsageError("corrected record", what, "one that loads", "mend the file")


def _replay_row(
    file: ReplayFile, each: ReplayedRecord, action: str, actor: Actor
) -> dict[str, object]:
    return {
        **_action_row(each.record, action, actor),
        "file": file.file,
        "file_sha256": file.sha256,
        "position": each.position,
        "original_sha256": each.original_sha256,
        "sha256": each.sha256,
    }


def _action_row(record: Rejected, action: str, actor: Actor) -> dict[str, object]:
    nothing = {column.name: None for column in ACTION.columns}
    who = {"at": actor.at, "principal": actor.principal, "note": actor.note}
    return {
        **nothing,
        **who,
        "quarantine_id": record.quarantine_id,
        "source": record.source,
        "action": action,
    }


def _hide(composed: Path, target: Path) -> None:
    """Bring a file into its folder under a hidden name, on disk before the trail names it."""
    delivery = target.parent.parent
    # a folder made here would have no marker, and no run would look into it
    if not delivery.is_dir():
        raise UsageError(
            str(delivery),
            "is gone, so no run would load a replay there",
            "the folder of the delivery",
            "make it, with an empty file _COMPLETE in it",
        )
    target.parent.mkdir(exist_ok=True)
    hidden = partial_of(target)
    shutil.move(composed, hidden)
    # the folder as well: a file is on disk only when its name is, too
    for path in (hidden, hidden.parent):
        flush(path)


def _clear(lake: Lake, landing: Path) -> None:
    """Finish or remove what a kill left."""
    finish(lake, landing)
    for path in _hidden(landing).values():
        # hidden and unnamed by the trail: nobody was promised these files
        path.unlink()


def _hidden(landing: Path, source: str = "*") -> dict[str, Path]:
    """Find hidden replay files, by the name that they will have below landing."""
    shown = {
        path.with_name(path.name.removeprefix(".").removesuffix(PARTIAL)): path
        for path in landing.glob(f"{source}/*/replay/.*{PARTIAL}")
    }
    return {path.relative_to(landing).as_posix(): hidden for path, hidden in shown.items()}


def _named(lake: Lake) -> Collection[str]:
    with current_state(lake) as connection:
        rows = connection.execute("select distinct file from replay").fetchall()
    return frozenset(file for (file,) in rows)


def _numbers(lake: Lake) -> dict[tuple[str, int], int]:
    """Return the last number of the replay files of each landed file."""
    last: dict[tuple[str, int], int] = {}
    for file in _named(lake):
        name = replayed(file)
        if name:
            source, received, number = name
            last[source, received] = max(number, last.get((source, received), 0))
    return last


def _lost(lake: Lake, landing: Path) -> Collection[str]:
    """Find records that wait for a file which nobody can load any more."""
    with current_state(lake) as connection:
        rows = connection.execute(
            "select quarantine_id, file from replay where outcome = 'waiting'"
        ).fetchall()
    hidden = _hidden(landing)
    # a hidden file is not lost: the next call or night shows it
    gone = {f for f in {f for _, f in rows} if f not in hidden and not (landing / f).is_file()}
    return {quarantine_id for quarantine_id, file in rows if file in gone}
