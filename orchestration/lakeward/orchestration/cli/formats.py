"""Commands about one format: `lakeward hl7 inspect` and `lakeward view run`.

They look at files, not at the lake; verbs about the lake are in `cli`.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakeward.core.errors import UsageError
from lakeward.core.settings import load_settings
from lakeward.orchestration.cli.output import PrintFormat, print_records

if TYPE_CHECKING:
    from lakeward.landing.sources import Source

hl7_app = typer.Typer(no_args_is_help=True, help="HL7 v2 files: what they hold.")
view_app = typer.Typer(no_args_is_help=True, help="ViewDefinitions (SQL on FHIR) on any NDJSON.")


@hl7_app.command("inspect")
def hl7_inspect(
    file: Annotated[Path, typer.Argument(help="A batch or plain file of HL7 v2 messages.")],
    source: Annotated[
        str, typer.Option(help="Interface whose rules apply; default: the first of HL7 v2.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Leave out the messages.")] = False,
) -> None:
    """Show envelopes, promised and found counts, and messages; never their content.

    Example: lakeward hl7 inspect adt.hl7 --json
    """
    from lakeward.hl7v2.inspect import open_inspection
    from lakeward.orchestration.cli.inspection import print_inspection, print_inspection_json

    if not file.is_file():
        wrong = "is a folder" if file.is_dir() else "does not exist"
        raise UsageError(str(file), wrong, "a file", "check the path and try again")
    found = open_inspection(file, _interface(source))
    if json:
        print_inspection_json(found)
    else:
        print_inspection(found, messages=not summary)


def _interface(name: str) -> "Source":
    from lakeward.landing.sources import load_inventory

    inventory = load_inventory(load_settings().home)
    # by format, not by the name `adt_hl7`: a deployment calls its interfaces what it likes
    of_hl7 = [source for source in inventory.sources if source.format == "hl7v2"]
    names = " or ".join(source.name for source in of_hl7) or "one in sources.yaml"
    if name and inventory.source(name) not in of_hl7:
        raise UsageError(f"source {name}", "is not for HL7 v2", names, "give another --source")
    if not of_hl7:
        raise UsageError("--source", "no interface is for HL7 v2", names, "add it")
    return inventory.source(name) if name else of_hl7[0]


@view_app.command("run")
def view_run(
    view: Annotated[Path, typer.Argument(help="A ViewDefinition as JSON.")],
    input: Annotated[Path, typer.Option("--input", help="An NDJSON file or folder.")],  # noqa: A002
    form: Annotated[PrintFormat, typer.Option("--format", help="How to print.")] = PrintFormat.csv,
) -> None:
    """Run a ViewDefinition on NDJSON, gzip or plain, and print its rows.

    What else the files hold is counted on stderr; a broken line gives no rows.

    Example: lakeward view run patient.json --input export/ --format csv
    """
    from lakeward.fhir.run_view import run_view
    from lakeward.sqlonfhir.viewdefinition import read_view

    if not view.is_file():
        raise UsageError(str(view), "does not exist", "a ViewDefinition", "check the path")
    done = run_view(read_view(view), input)
    print_records(done.rows.to_pylist(), form, done.rows.column_names)
    counts = f"{done.used} resources used, {done.other} others, {done.broken} broken lines"
    # not on stdout, where CSV goes that the next tool reads
    print(counts, file=sys.stderr)
