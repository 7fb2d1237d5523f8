"""The command line: few verbs, each one call into the packages below.

Exit codes: 0 fine, 1 the data broke a contract, 2 usage or environment. Heavy imports stand inside
the commands, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lakeward.core.errors import ContractError, LakewardError, SpecError, UsageError
from lakeward.core.settings import Settings, load_settings
from lakeward.orchestration.cli.arguments import read_day, read_instant
from lakeward.orchestration.cli.bulk import bulk_app
from lakeward.orchestration.cli.formats import hl7_app, view_app
from lakeward.orchestration.cli.output import Format, print_records, say
from lakeward.orchestration.cli.quarantine import quarantine_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Operational worklists from FHIR bulk exports and HL7 v2 batches.",
)
release_app = typer.Typer(
    no_args_is_help=True, help="What is published, and back to an earlier one."
)
contracts_app = typer.Typer(no_args_is_help=True, help="Data contracts: drift and generated files.")
app.add_typer(release_app, name="release")
app.add_typer(contracts_app, name="contracts")
app.add_typer(bulk_app, name="bulk")
app.add_typer(hl7_app, name="hl7")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(view_app, name="view")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Day = Annotated[str | None, typer.Option("--day", help="Business day, YYYY-MM-DD; default today.")]


def main() -> None:
    """Run the command line; turn every known error into one line of cause and one of remedy."""
    try:
        app()
    except ContractError as error:
        _fail(error, 1)
    except LakewardError as error:
        _fail(error, 2)
    except PermissionError as error:
        where = str(error.filename or "file")
        _fail(UsageError(where, "no permission", "a writable home", "check LAKEWARD_HOME"), 2)
    except OSError as error:
        where = str(error.filename or "disk")
        _fail(UsageError(where, error.strerror or "cannot be used", "", "check LAKEWARD_HOME"), 2)
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
    say(f"What really happened stands in {out / 'truth'}.")
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

    settings = _settings()
    load_inventory(settings.home).source(source)
    of = read_day(day) if day else today(settings)
    check_day(settings, of)
    delivery = put(settings.home.landing, source, paths, of)
    say(f"Landed {len(paths)} path(s): {source} {of} now holds {len(delivery.files)} file(s).")
    say(f"Next: lakeward run --day {of}")


@app.command()
def run(day: Day = None) -> None:
    """Run the nightly job for a day: land, load, build, judge, release, export, report.

    Example: lakeward run --day 2026-01-05
    """
    from lakeward.orchestration.cli.night_summary import print_night
    from lakeward.orchestration.nightly import run_day, today

    settings = _settings()
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

    raise typer.Exit(run_demo(_settings(), patients))


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000) -> None:
    """Open the Dagster UI on this home (http://127.0.0.1:3000).

    Example: lakeward dev --port 3001
    """
    from lakeward.orchestration.cli.demo import open_ui

    raise typer.Exit(open_ui(_settings(), port))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A SELECT over the tables of the lake.")],
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    unreleased: Annotated[bool, typer.Option(help="Show candidates that nobody judged.")] = False,
    known_at: Annotated[str | None, typer.Option(help="As known at an instant (ISO 8601).")] = None,
) -> None:
    """Query every lake table by its name, read-only, as it is released.

    Example: lakeward sql "select state, count(*) as files from ledger group by state"
    """
    from lakeward.lake.published import open_published, select

    settings = _settings()
    with open_published(
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
    from lakeward.orchestration.cli.night_summary import print_trace
    from lakeward.worklists.trace import trace as follow

    print_trace(follow(_lake(), _settings().home, row_id), as_json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check versions, disk, write access, ports and time zone.

    Example: lakeward doctor
    """
    from lakeward.orchestration.cli.doctor import examine, print_findings

    findings = examine(_settings())
    print_findings(findings, as_json=json)
    raise typer.Exit(0 if all(f.healthy for f in findings) else 2)


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
    print_records(rows, Format.json if json else Format.table)


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
    print_records(rows, Format.json if json else Format.table)


@release_app.command("rollback")
def release_rollback(release_id: str) -> None:
    """Publish again what an earlier release pinned.

    Example: lakeward release rollback 6f0e8c1e-0000-5000-8000-000000000000
    """
    from lakeward.lake.lock import sole_writer
    from lakeward.lake.release import rollback

    with sole_writer(_settings().home):
        release = rollback(_lake(), release_id, run_id="command line")
    say(f"Released {release.unit} of {release.day} again as {release.release_id}.")


@contracts_app.command("build")
def contracts_build() -> None:
    """Write the dbt YAML that contracts give.

    Example: lakeward contracts build
    """
    from lakeward.contracts.dbt_yaml import write_dbt_yaml
    from lakeward.core.paths import project_path

    for path in write_dbt_yaml(project_path("dbt_project")):
        say(f"wrote {path}")


@contracts_app.command("check")
def contracts_check() -> None:
    """Fail when a contract is wrong or a generated file differs from it.

    Example: lakeward contracts check
    """
    from lakeward.contracts import load_contracts
    from lakeward.contracts.dbt_yaml import check_dbt_yaml
    from lakeward.core.paths import project_path
    from lakeward.worklists.output_formats import check_formats

    drift = check_dbt_yaml(project_path("dbt_project")) or check_formats(load_contracts().values())
    for line in drift:
        say(line)
    raise typer.Exit(1 if drift else 0)


def _settings() -> Settings:
    return load_settings()


def _lake() -> Any:
    from lakeward.lake.tables import Lake

    return Lake(_settings().home.lake)


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
