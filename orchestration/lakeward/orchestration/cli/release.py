"""Commands about releases: `lakeward release list|show|rollback|without|withheld|readmit`.

What a release is and how one is decided belongs to `lakeward.lake.release`; which records the store
leaves out, to `lakeward.quarantine.withheld`.
"""

from typing import TYPE_CHECKING

import typer

from lakeward.core.errors import UsageError
from lakeward.core.settings import load_settings
from lakeward.orchestration.cli.arguments import Json
from lakeward.orchestration.cli.output import PrintFormat, print_records, say

if TYPE_CHECKING:
    from lakeward.lake.tables import Lake

SHOWN = 100
"""Rows of each broken rule that are shown."""

release_app = typer.Typer(
    no_args_is_help=True, help="What is released, and back to an earlier one."
)


@release_app.command("list")
def release_list(json: Json = False) -> None:
    """List all decisions, newest first.

    Example: lakeward release list
    """
    from lakeward.lake.release import history

    rows = [
        {
            "release_id": r.release_id,
            "unit": r.unit,
            "day": r.day,
            "state": r.state,
            "tables": len(r.pins),
            "held_by": ", ".join(r.held_by),
            "created_at": r.created_at,
        }
        for r in history(_lake())
    ]
    print_records(rows, PrintFormat.json if json else PrintFormat.table)


@release_app.command("show")
def release_show(release_id: str, json: Json = False) -> None:
    """Show which table versions a release pins; of a held one also the rows that hold it.

    Of each broken rule, up to 100 rows: their key, and the file and record that stated them.

    Example: lakeward release show 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.expectations.offenders import result_of, rows_behind
    from lakeward.lake.release import find_release

    release = find_release(_lake(), release_id)
    behind = (
        rows_behind(load_settings(), result_of(release), release.day, at_most=SHOWN)
        if release.state == "held"
        else []
    )
    rows = [
        {
            "table": t,
            "delta_version": v,
            "unit": release.unit,
            "day": release.day,
            "state": release.state,
        }
        for t, v in sorted(release.pins.items())
    ]
    if json:
        listed = [
            {**row, "rows_behind": [vars(b) for b in behind if b.table == row["table"]]}
            for row in rows
        ]
        print_records(listed if behind else rows, PrintFormat.json)
        return
    print_records(rows, PrintFormat.table)
    for override in release.overrides:
        say(f"With rows of the site in seed {override}")
    if release.state == "held":
        say(f"Held by: {', '.join(release.held_by)}")
        print_records([vars(b) for b in behind], PrintFormat.table)
        say(f"Next: correct the records, or `lakeward release without {release_id}`")


@release_app.command("without")
def release_without(release_id: str) -> None:
    """Release a held unit without the records and rows that hold it, and issue its day.

    Who did it stands in `lakeward release list` and `lakeward release withheld`.

    Example: lakeward release without 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.orchestration.cli.night_summary import print_night
    from lakeward.orchestration.held_releases import release_without as release_it

    settings = load_settings()
    raise typer.Exit(print_night(settings, release_it(settings, release_id)))


@release_app.command("rollback")
def release_rollback(release_id: str) -> None:
    """Publish again what an earlier release pinned.

    Example: lakeward release rollback 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.lake.lock import sole_writer
    from lakeward.lake.release import rollback

    # a night that is running decides on releases too: one of them would win by chance
    with sole_writer(load_settings().home):
        release = rollback(_lake(), release_id, run_id="command line")
    say(f"Released {release.unit} of {release.day} again as {release.release_id}.")


@release_app.command("withheld")
def release_withheld(json: Json = False) -> None:
    """List the records that the store leaves out, and the rows that units are released without.

    Example: lakeward release withheld
    """
    from lakeward.quarantine.withheld import left_out, withheld

    rows: list[dict[str, object]] = [vars(record) for record in withheld(_lake())]
    rows += [
        {"source": row.table_name, "source_ref": row.source_ref, "rule": row.rule}
        for row in left_out(_lake())
    ]
    print_records(rows, PrintFormat.json if json else PrintFormat.table)


@release_app.command("readmit")
def release_readmit(source_ref: str) -> None:
    """Let the next night read a withheld record again, as after a change of a rule or a code map.

    Example: lakeward release readmit "adt_hl7/2026-01-05/adt.hl7#12"
    """
    from lakeward.lake.lock import sole_writer
    from lakeward.quarantine.withheld import readmit

    with sole_writer(load_settings().home):
        count = readmit(_lake(), source_ref)
    if not count:
        raise UsageError(
            "record",
            "none is withheld under that place",
            "a source_ref of `lakeward release withheld`",
            "copy it from there",
        )
    say(f"Readmitted {count} record(s); the next run builds the store with them.")


def _lake() -> "Lake":
    from lakeward.lake.tables import Lake

    return Lake(load_settings().home.lake)
