"""The command line: few verbs, each one call into the packages below.

Exit codes: 0 fine, 1 the data broke a contract, 2 usage or environment. Heavy imports are inside
the commands, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakeward.core.errors import ContractError, LakewardError, SpecError, UsageError
from lakeward.core.files import close_process
from lakeward.core.settings import load_settings
from lakeward.lake.disk import full_disk
from lakeward.orchestration.cli.arguments import Day, Json, KnownAt, read_day, read_instant
from lakeward.orchestration.cli.bulk import bulk_app
from lakeward.orchestration.cli.codes import codes_app
from lakeward.orchestration.cli.contracts import contracts_app
from lakeward.orchestration.cli.formats import hl7_app, view_app
from lakeward.orchestration.cli.identity import identity_app
from lakeward.orchestration.cli.output import PrintFormat, print_records, say
from lakeward.orchestration.cli.quarantine import quarantine_app
from lakeward.orchestration.cli.quiet_exit import silence_libraries_at_exit
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
app.add_typer(codes_app, name="codes")
app.add_typer(bulk_app, name="bulk")
app.add_typer(hl7_app, name="hl7")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(identity_app, name="identity")
app.add_typer(view_app, name="view")


def main() -> None:
    """Run the command line; turn every error into one line of cause and one of remedy.

    No traceback is printed: it may hold values of records, and the remedy is what people need.
    """
    close_process()
    silence_libraries_at_exit()
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
        other = UsageError(where, error.strerror or "cannot be used", "", "check LAKEWARD_HOME")
        _fail(full_disk(error) or other, 2)
    # only the name of its class: the text of a foreign error may quote what it was parsing
    except Exception as error:
        from lakeward.lake.data_files import damage_in

        kind = type(error).__name__
        other = UsageError("lakeward", kind, "no error", "run `lakeward doctor`")
        _fail(full_disk(error) or damage_in(str(error)) or other, 2)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder that gets landing/ and truth/.")],
    patients: Annotated[int, typer.Option(min=1, help="Patients of the hospital.")] = 300,
    days: Annotated[int, typer.Option(min=1, help="Days to simulate.")] = 3,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = "2026-01-05",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    without_stamps: Annotated[
        bool, typer.Option("--without-stamps", help="FHIR without meta and manifest.")
    ] = False,
    coarse_times: Annotated[
        bool, typer.Option("--coarse-times", help="Message times to the minute.")
    ] = False,
    shuffle_repetitions: Annotated[
        bool, typer.Option("--shuffle-repetitions", help="Repetitions in any order.")
    ] = False,
    second_identifiers: Annotated[
        bool, typer.Option("--second-identifiers", help="Enterprise and series numbers too.")
    ] = False,
    former_values: Annotated[
        bool, typer.Option("--former-values", help="Old numbers and names beside the current.")
    ] = False,
) -> None:
    """Write deliveries of a synthetic hospital, and the truth behind them.

    Example: lakeward simulate --out data --patients 300 --days 3 --start 2026-01-05 --seed 7
    """
    from lakeward.simulator import FeedHabits
    from lakeward.simulator import simulate as write_hospital

    habits = FeedHabits(
        without_stamps=without_stamps,
        coarse_times=coarse_times,
        shuffle_repetitions=shuffle_repetitions,
        second_identifiers=second_identifiers,
        former_values=former_values,
    )
    summary = write_hospital(out, patients, days, read_day(start), seed, habits=habits)
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
    from lakeward.assets.formats import format_of
    from lakeward.landing.deliveries import land as put
    from lakeward.landing.packed_files import packing_of
    from lakeward.landing.sources import load_inventory
    from lakeward.orchestration.nightly import check_day, today

    settings = load_settings()
    # an unknown interface fails here, before a file is copied that no run would ever read
    reads_utf16 = format_of(load_inventory(settings.home).source(source)).reads_utf16
    of = read_day(day) if day else today(settings)
    # a delivery for a day that cannot be run would be landed with the advice to run it
    check_day(settings, of)
    delivery = put(settings.home.landing, source, paths, of)
    say(f"Landed {len(paths)} path(s): {source} {of} now holds {len(delivery.files)} file(s).")
    for file in delivery.files:
        if packing := packing_of(file, reads_utf16=reads_utf16):
            say(f"warning: {file.name} is not read: it is {packing}; deliver UTF-8, plain or gzip")
    say(f"Next: lakeward run --day {of}")


@app.command()
def run(
    day: Day = None,
    lists: Annotated[
        list[str] | None, typer.Option("--list", help="Only this worklist, at its own cut-off.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Cut-off of that worklist; as if it were made then.")
    ] = None,
) -> None:
    """Run the nightly job for a day: land, load, build, check, release, export, report.

    Example: lakeward run --day 2026-01-05
    """
    from lakeward.orchestration.cli.night_summary import print_night
    from lakeward.orchestration.nightly import run_day, run_list, today

    if as_of and not lists:
        raise UsageError("--as-of", "without --list", "a worklist", "name it with --list")
    settings, cut_off = load_settings(), read_instant(as_of)
    of = read_day(day) if day else today(settings)
    if not lists:
        raise typer.Exit(print_night(settings, run_day(settings, of)))
    codes = [print_night(settings, run_list(settings, of, name, cut_off)) for name in lists]
    raise typer.Exit(max(codes))


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
    known_at: KnownAt = None,
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
    what: Annotated[
        str,
        typer.Argument(
            help="row_id of a list, SOURCE/DAY/FILE#NUMBER, a control id, Patient/1, a key, or the"
            " number of an appointment, visit, referral, bed or patient."
        ),
    ],
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Name the records behind a row or an appointment, or what came of a record, or why nothing.

    Example: lakeward trace adt_hl7/2026-01-05/adt.hl7#3
    """
    from lakeward.assets.all_stored_records import STORED_RECORDS
    from lakeward.orchestration.cli.answers import print_traces
    from lakeward.worklists.record_trace import follow

    at, home = read_instant(known_at), load_settings().home
    print_traces(follow(_lake(), home, what, STORED_RECORDS, known_at=at), as_json=json)


@app.command()
def why(
    who: Annotated[
        str,
        typer.Argument(
            help="Number of a patient, visit or referral, appointment id, bed, Patient/1 or a key."
        ),
    ],
    worklist: Annotated[str, typer.Argument(metavar="LIST", help="Worklist, by its short name.")],
    day: Annotated[
        str | None, typer.Option("--day", help="A released day; default the newest of the list.")
    ] = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Say why somebody or something is on a worklist, is suppressed, or is no candidate row.

    Example: lakeward why MRN-000042 appointment_reminders --day 2026-01-05
    """
    from lakeward.assets.all_stored_records import STORED_RECORDS
    from lakeward.orchestration.cli.answers import print_why
    from lakeward.worklists.why import why as explain

    of = read_day(day) if day else None
    home = load_settings().home
    at = read_instant(known_at)
    found = explain(_lake(), home, who, worklist, of, STORED_RECORDS, known_at=at)
    print_why(found, as_json=json)


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
