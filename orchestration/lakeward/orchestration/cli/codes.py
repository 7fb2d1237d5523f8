"""Commands about code maps: all of them as one list, out to a file and back.

Counts and names of maps are printed, never a code of a record.
"""

from pathlib import Path
from typing import Annotated

import typer

from lakeward.core.settings import load_settings
from lakeward.orchestration.cli.output import PrintFormat, print_records, say

codes_app = typer.Typer(
    no_args_is_help=True, help="What codes mean: all code maps as a workbook, out and back."
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A .xlsx or .csv file.")]


@codes_app.command("export")
def codes_export(file: File) -> None:
    """Write all code maps, with the codes that none of them knows and their counts.

    Example: lakeward codes export codes.xlsx
    """
    from lakeward.lake.code_maps import code_rows
    from lakeward.orchestration.code_files import write_codes

    rows = code_rows(load_settings())
    left_out = write_codes(file, rows)
    unmapped = [row for row in rows if not row.to_code]
    carried = sum(row.rows or 0 for row in unmapped)
    say(f"Wrote {len(rows) - left_out} line(s), {len(unmapped)} of them codes that no map knows,")
    say(f"which {carried} row(s) of the released store carry.")
    if left_out:
        say(f"warning: {left_out} code(s) left out: no cell can hold them")
    say(f"Next: write their to_code, then lakeward codes import {file}")


@codes_app.command("import")
def codes_import(file: File) -> None:
    """Take in an edited list: what it says otherwise than the package is set for this home.

    All lines are checked before a file is written.

    Example: lakeward codes import codes.xlsx
    """
    from lakeward.lake.code_maps import changes_of, write_changes
    from lakeward.landing.sources import load_inventory
    from lakeward.orchestration.code_files import read_codes

    home = load_settings().home
    sources = [source.name for source in load_inventory(home).sources]
    changes = changes_of(home, file.name, read_codes(file), sources)
    write_changes(home, changes)
    if not changes:
        say("Nothing changes: the list says what this home has already.")
        return
    print_records(
        [
            {
                "seed": change.seed.name,
                "added": change.added,
                "changed": change.changed,
                "removed": change.removed,
                "rows": len(change.rows),
            }
            for change in changes
        ],
        PrintFormat.table,
    )
    say(f"Written below {home.config}; the next run builds the store with them.")
