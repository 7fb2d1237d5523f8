"""Commands about rejected records: what is quarantined and why, and its way back.

Records are never printed, but for `--content`, which is entered in the audit first.
"""

import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeward.core.errors import UsageError
from lakeward.core.files import sha256_of
from lakeward.core.settings import Settings, load_settings, principal
from lakeward.orchestration.cli.arguments import Json, read_day
from lakeward.orchestration.cli.output import PrintFormat, print_document, print_records, say

if TYPE_CHECKING:
    from lakeward.orchestration.replays import Replay
    from lakeward.quarantine.records import Rejected

quarantine_app = typer.Typer(no_args_is_help=True, help="The rejected records, and their way back.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="quarantine_id.")]
Source = Annotated[str | None, typer.Option(help="Records of this interface.")]
Reason = Annotated[str | None, typer.Option(help="Records with this reason code.")]
Content = Annotated[
    bool, typer.Option("--content", help="Show patient data too; this is entered in the audit.")
]
_LISTED = ("quarantine_id", "source", "day", "file", "place", "reason", "state")
_SHOWN = 100
"""Rows that a table for people has; JSON has all."""


@quarantine_app.command("list")
def quarantine_list(
    source: Source = None,
    reason: Reason = None,
    state: Annotated[
        str | None, typer.Option(help="open, replayed or discarded; default all.")
    ] = None,
    day: Annotated[str | None, typer.Option(help="Day of the delivery, YYYY-MM-DD.")] = None,
    json: Json = False,
) -> None:
    """List rejected records with their place and reason, and count them; never their content.

    Example: lakeward quarantine list --source adt_hl7 --state open
    """
    from lakeward.lake.tables import Lake
    from lakeward.quarantine.records import Selection, count_by_reason, find

    if state not in (None, "open", "replayed", "discarded"):
        raise UsageError("--state", "unknown", "open, replayed or discarded", "give one of them")
    selection = Selection(
        source=source, reason=reason, state=state, day=read_day(day) if day else None
    )
    records = find(Lake(load_settings().home.lake), selection)
    rows = [
        {name: getattr(record, name) for name in _LISTED} | _replay_columns(record, as_json=json)
        for record in records
    ]
    if json:
        print_document({"counts": count_by_reason(records), "records": rows})
        return
    print_records(rows[:_SHOWN], PrintFormat.table)
    if len(rows) > _SHOWN:
        say(f"{len(rows) - _SHOWN} more; see them with --json, or ask for fewer.")
    print_records(count_by_reason(records), PrintFormat.table)


@quarantine_app.command("show")
def quarantine_show(
    quarantine_id: Annotated[str, typer.Argument(metavar="ID", help="quarantine_id.")],
    content: Content = False,
    json: Json = False,
) -> None:
    """Show where a record stood, why it was rejected, what is wrong with it, and its trail.

    Example: lakeward quarantine show 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.lake.tables import Lake
    from lakeward.quarantine.records import Selection, contents, find, trail_of

    settings = load_settings()
    lake = Lake(settings.home.lake)
    record = find(lake, Selection(ids=(quarantine_id,)))[0]
    held = contents(lake, [record])[quarantine_id]
    if content:
        _print_content(settings, record, held)
        return
    shown = asdict(record) | {
        "explanation": _explanation(settings, record, held),
        "trail": [asdict(entry) for entry in trail_of(lake, quarantine_id)],
    }
    if json:
        print_document(shown)
        return
    trail = shown.pop("trail")
    for name, value in shown.items():
        for each in value if isinstance(value, list) else [value]:
            say(f"{name}: {'' if each is None else each}")
    for entry in trail:
        fields = {k: v for k, v in entry.items() if v is not None and k not in ("action", "at")}
        say(f"{entry['action']} at {entry['at']:%Y-%m-%dT%H:%M:%SZ}:")
        for name, value in fields.items():
            say(f"  {name}: {value}")


@quarantine_app.command("replay")
def quarantine_replay(
    ids: Ids = None,
    source: Source = None,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="All open records.")] = False,
    edit: Annotated[
        Path | None, typer.Option(help="A corrected record that comes instead of the one named.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would change; commit nothing.")
    ] = False,
    note: Annotated[str | None, typer.Option(help="Why; kept in the trail.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run the day at once.")] = False,
    content: Content = False,
    json: Json = False,
) -> None:
    """Bring rejected records back once their cause is corrected; the next run loads them.

    Example: lakeward quarantine replay --reason sender_not_accepted --note "new ADT system"
    """
    from lakeward.orchestration import replays
    from lakeward.quarantine.records import Selection
    from lakeward.quarantine.replay import Actor

    if not ids and not source and not reason and not everything:
        raise UsageError(
            "replay", "names no record", "an ID, --reason, --source or --all", "add it"
        )
    settings, correction = load_settings(), _correction(ids or [], edit)
    selection = Selection(ids=tuple(dict.fromkeys(ids or [])), source=source, reason=reason)
    if preview:
        found = replays.preview(settings, selection, correction)
        if content:
            _audit(settings, "preview", ("canonical rows",), len(found.changes or []))
    else:
        actor = Actor(principal(), datetime.now(UTC), note)
        found = replays.replay(settings, selection, actor, correction)
    _print_replay(found, as_json=json, with_content=content and preview)
    if run and found.day and not preview:
        raise typer.Exit(_run(settings, found.day))
    raise typer.Exit(1 if found.prepared.still_rejected and not found.prepared.files else 0)


@quarantine_app.command("discard")
def quarantine_discard(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="quarantine_id.")],
    note: Annotated[str, typer.Option(help="Why; kept in the trail.")],
) -> None:
    """Decide that records will not be loaded; they are kept, with the note.

    Example: lakeward quarantine discard 6f0e8c1e-0000-5000-8000-000000000000 --note "test message"
    """
    from lakeward.lake.lock import sole_writer
    from lakeward.lake.tables import Lake
    from lakeward.quarantine.records import Selection, find
    from lakeward.quarantine.replay import Actor, discard

    # an option that must be given can still be empty, and the trail is to say why
    if not note.strip():
        raise UsageError("--note", "is empty", "why the records will not be loaded", "write it")
    home = load_settings().home
    lake = Lake(home.lake)
    with sole_writer(home):
        records = find(lake, Selection(ids=tuple(dict.fromkeys(ids))))
        done = discard(lake, records, Actor(principal(), datetime.now(UTC), note))
    say(f"Discarded {done} record(s); {len(records) - done} were before.")


def _replay_columns(record: "Rejected", *, as_json: bool) -> dict[str, Any]:
    if as_json:
        return {"is_waiting": record.is_waiting, "replay_of": record.replay_of}
    return {"replay": "waits for a run" if record.is_waiting else None}


def _explanation(settings: Settings, record: "Rejected", held: bytes) -> list[str]:
    from lakeward.assets.formats import format_of
    from lakeward.landing.sources import load_inventory

    sources = {source.name: source for source in load_inventory(settings.home).sources}
    # an interface may be removed while its rejected records still wait
    if record.source not in sources:
        return ["source: is no longer in the interface inventory"]
    source = sources[record.source]
    return format_of(source).explain(record, held, settings.home.landing, source)


def _print_content(settings: Settings, record: "Rejected", held: bytes) -> None:
    from lakeward.landing.deliveries import hash_file
    from lakeward.quarantine.records import read_content

    whole = read_content(settings.home.landing, record, held)
    if isinstance(whole, Path):
        digest, content = hash_file(whole), whole.read_bytes()
    else:
        digest, content = sha256_of(whole), whole
    # before the bytes: what cannot be audited is not shown
    _audit(settings, "show", (f"{record.quarantine_id} sha256:{digest}",), 1)
    # as bytes: the character set may be what is wrong with the record
    sys.stdout.buffer.write(content + b"\n")


def _correction(ids: list[str], edit: Path | None) -> bytes | None:
    if edit is None:
        return None
    # with several records the correction of one would come in the place of another
    if len(ids) != 1:
        raise UsageError("--edit", "names one record", "one ID", "give the ID it corrects")
    if not edit.is_file():
        raise UsageError(str(edit), "does not exist", "a corrected record", "check the path")
    # editors add a byte order mark and a last line end; neither belongs to the record
    return edit.read_bytes().removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")


def _print_replay(found: "Replay", *, as_json: bool, with_content: bool) -> None:
    records, refused = len(found.prepared.records), found.prepared.still_rejected
    if as_json:
        print_document(_document(found, with_content=with_content))
        return
    done = "Would replay" if found.changes is not None else "Replayed"
    say(f"{done} {records} record(s) in {len(found.prepared.files)} file(s).")
    if found.already:
        say(f"{found.already} record(s) are replayed already, or wait for a run.")
    for reason, number in sorted(Counter(refused.values()).items()):
        say(f"{number} record(s) stay as they are: they would be rejected again as {reason}.")
    if found.changes is not None:
        _print_changes(found, with_content=with_content)
    elif found.day and records:
        say(f"Next: lakeward run --day {found.day}")


def _print_changes(found: "Replay", *, with_content: bool) -> None:
    rows = _document(found, with_content=with_content)["changes"]
    tally = Counter((row["table"], row["change"]) for row in rows)
    for row in rows[:_SHOWN]:
        row["key"] = " ".join(f"{name}={value or '-'}" for name, value in row["key"].items())
        row["columns"] = ", ".join(row["columns"])
    print_records(rows[:_SHOWN], PrintFormat.table)
    if len(rows) > _SHOWN:
        say(f"{len(rows) - _SHOWN} more; see them with --json.")
    for (table, change), number in sorted(tally.items()):
        say(f"{table}: {number} row(s) {change}")
    say("Nothing was committed.")


def _document(found: "Replay", *, with_content: bool) -> dict[str, Any]:
    values = ("before", "after") if with_content else ()
    return {
        "replayed": [record.quarantine_id for record in found.prepared.records],
        "files": [file.file for file in found.prepared.files],
        "refused": dict(found.prepared.still_rejected),
        "already": found.already,
        "day": found.day,
        "changes": None
        if found.changes is None
        else [
            {name: getattr(change, name) for name in ("table", "change", "key", "columns", *values)}
            for change in found.changes
        ],
    }


def _audit(settings: Settings, action: str, files: tuple[str, ...], rows: int) -> None:
    """Enter in the audit that patient data goes to a terminal, before it does."""
    from lakeward.lake.lock import sole_writer
    from lakeward.lake.tables import Lake
    from lakeward.worklists import audit

    who, now = principal(), datetime.now(UTC)
    entry = audit.AuditEntry(
        action=action,
        principal=who,
        purpose="mend rejected records",
        consumer=who,
        worklist="quarantine",
        day=now.date(),
        # a revision is entered once, but each look counts: the time
        # makes each a revision of its own
        revision=int(now.timestamp() * 1_000_000),
        files=files,
        row_count=rows,
        contract_version="",
        release_id="",
    )
    with sole_writer(settings.home):
        audit.record_entry(Lake(settings.home.lake), entry)


def _run(settings: Settings, day: date) -> int:
    from lakeward.orchestration.cli.night_summary import print_night
    from lakeward.orchestration.nightly import run_day

    return print_night(settings, run_day(settings, day))
