"""The command line: few verbs, each one call into the packages below.

Exit codes: 0 fine, 1 the data broke a contract, 2 usage or environment. Heavy imports are inside
the commands, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakeward.core.errors import ContractError, LakewardError, SpecError, UsageError
from lakeward.core.settings import load_settings
from lakeward.orchestration.cli.arguments import Day, Json, read_day, read_instant
from lakeward.orchestration.cli.bulk import bulk_app
from lakeward.orchestration.cli.contracts import contracts_app
from lakeward.orchestration.cli.formats import hl7_app, view_app
from lakeward.orchestration.cli.output import PrintFormat, print_records, say
from lakeward.orchestration.cli.quarantine import quarantine_app
from lakeward.orchestration.cli.release import release_app

if TYPE_CHECKING:
    from lakeward.lake.tables import Lake

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Operational worklists from FHIR bulk exports and HL7 v2 batches.",
)
# `--help` lists the groups in this order
app.add_typer(release_app, name="release")
app.add_typer(contracts_app, name="contracts")
app.add_typer(bulk_app, name="bulk")
app.add_typer(hl7_app, name="hl7")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(view_app, name="view")


def main() -> None:
    """Run the command line; turn every error into one line of cause and one of remedy.

    No traceback is printed: it may hold values of records, and the remedy is what people need.
    """
    try:
        app()
    # before LakewardError, whose subclass it is: its code says that the
    # data are wrong, not the machine
    except ContractError as error:
        _fail(error, 1)
    except LakewardError as error:
        _fail(error, 2)
    # before OSError, whose subclass it is: it has a remedy of its own
    except PermissionError as error:
        where = str(error.filename or "file")
        _fail(UsageError(where, "no permission", "a writable home", "check LAKEWARD_HOME"), 2)
    except OSError as error:
        where = str(error.filename or "disk")
        _fail(UsageError(where, error.strerror or "cannot be used", "", "check LAKEWARD_HOME"), 2)
    # only the name of its class: the text of a foreign error may quote what it was parsing
    except Exception as error:
        kind = type(error).__name__
        _fail(UsageError("lakeward", kind, "no error", "run `lakeward doctor`"), 2)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder that gets landing/ and truth/.")],
    patients: Annotated[int, typer.Option(min=1, help="Patients of the hospital.")] = 300,
    days: Annotated[int, typer.Option(min=1, help="Days to simulate.")] = 3,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = "2026-01-05",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
) -> None:
    """Write deliveries of a synthetic hospital, and the truth behind them.

    Example: lakeward simulate --out data --patients 300 --days 3 --start 2026-01-05 --seed 7
    """
    from lakeward.simulator import simulate as write_hospital

    summary = write_hospital(out, patients, days, read_day(start), seed)
    messages, resources = sum(summary.messages.values()), sum(summary.resources.values())
    say(f"Wrote {messages} HL7 messages and {resources} FHIR resources below {out / 'landing'}.")
    say(f"What really happened is in {out / 'truth'}.")
    say(f"Next: LAKEWARD_HOME={out} lakeward run --day {start}")


@app.command()
def land(
    source: Annotated[str, typer.Argument(help="Interface, as in sources.yaml.")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    day: Day = None,
) -> None:
    """Put files into landing as one complete delivery.

    Example: lakeward land ehr_fhir export/*.ndjson --day 2026-01-05
    """
    from lakeward.landing.deliveries import land as put
    from lakeward.landing.sources import load_inventory
    from lakeward.orchestration.nightly import check_day, today

    settings = load_settings()
    # an unknown interface fails here, before a file is copied that no run would ever read
    load_inventory(settings.home).source(source)
    of = read_day(day) if day else today(settings)
    # a delivery for a day that cannot be run would be landed with the advice to run it
    check_day(settings, of)
    delivery = put(settings.home.landing, source, paths, of)
    say(f"Landed {len(paths)} path(s): {source} {of} now holds {len(delivery.files)} file(s).")
    say(f"Next: lakeward run --day {of}")


@app.command()
def run(day: Day = None) -> None:
    """Run the nightly job for a day: land, load, build, check, release, export, report.

    Example: lakeward run --day 2026-01-05
    """
    from lakeward.orchestration.cli.night_summary import print_night
    from lakeward.orchestration.nightly import run_day, today

    settings = load_settings()
    night = run_day(settings, read_day(day) if day else today(settings))
    raise typer.Exit(print_night(settings, night))


@app.command()
def demo(
    patients: Annotated[int, typer.Option(min=1, help="Patients of the hospital.")] = 300,
) -> None:
    """Simulate three days of a synthetic hospital and run each night.

    Example: lakeward demo
    """
    from lakeward.orchestration.cli.demo import run_demo

    raise typer.Exit(run_demo(load_settings(), patients))


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000) -> None:
    """Open the Dagster UI on this home (http://127.0.0.1:3000).

    Example: lakeward dev --port 3001
    """
    from lakeward.orchestration.cli.demo import open_ui

    raise typer.Exit(open_ui(load_settings(), port))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A SELECT over the tables of the lake.")],
    form: Annotated[PrintFormat, typer.Option("--format", help="How to print.")] = (
        PrintFormat.table
    ),
    unreleased: Annotated[bool, typer.Option(help="Show candidates that nobody released.")] = False,
    known_at: Annotated[str | None, typer.Option(help="As known at an instant (ISO 8601).")] = None,
) -> None:
    """Query every lake table by its name, read-only, as it is released.

    Example: lakeward sql "select state, count(*) as files from ledger group by state"
    """
    from lakeward.lake.released import open_released, select

    settings = load_settings()
    with open_released(
        settings, unreleased=unreleased, known_at=read_instant(known_at)
    ) as connection:
        print_records(select(connection, query), form)


@app.command()
def trace(
    row_id: Annotated[str, typer.Argument(help="row_id of a worklist row.")], json: Json = False
) -> None:
    """Name the file and the message or line behind a worklist row.

    Example: lakeward trace 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.assets.formats import FORMATS
    from lakeward.orchestration.cli.night_summary import print_trace
    from lakeward.worklists.trace import trace as follow

    print_trace(follow(_lake(), load_settings().home, row_id, FORMATS), as_json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check versions, disk, write access, ports and time zone.

    Example: lakeward doctor
    """
    from lakeward.orchestration.cli.doctor import examine, print_findings

    findings = examine(load_settings())
    print_findings(findings, as_json=json)
    raise typer.Exit(0 if all(f.healthy for f in findings) else 2)


def _lake() -> "Lake":
    from lakeward.lake.tables import Lake

    return Lake(load_settings().home.lake)


def _fail(error: LakewardError, code: int) -> None:
    expected = f"; expected {error.expected}" if error.expected else ""
    print(f"error: {error.where}: {error.what}{expected}", file=sys.stderr)
    otherwise = (
        "mend what is named above" if isinstance(error, SpecError) else "see `lakeward --help`"
    )
    print(f"remedy: {error.remedy or otherwise}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
