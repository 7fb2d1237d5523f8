"""Commands about releases: `lakeward release list|show|rollback`.

What a release is and how one is decided belongs to `lakeward.lake.release`.
"""

from typing import TYPE_CHECKING

import typer

from lakeward.core.settings import load_settings
from lakeward.orchestration.cli.arguments import Json
from lakeward.orchestration.cli.output import PrintFormat, print_records, say

if TYPE_CHECKING:
    from lakeward.lake.tables import Lake

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
    """Show which table versions a release pins.

    Example: lakeward release show 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.lake.release import find_release

    release = find_release(_lake(), release_id)
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
    print_records(rows, PrintFormat.json if json else PrintFormat.table)


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


def _lake() -> "Lake":
    from lakeward.lake.tables import Lake

    return Lake(load_settings().home.lake)
