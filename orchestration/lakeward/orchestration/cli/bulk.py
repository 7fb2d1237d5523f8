"""Commands about bulk exports: `lakeward bulk export|status|cancel|jwks|keygen`.

How an export is run belongs to `lakeward.fhir.bulk`; here it is started, shown and waited for.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lakeward.core.errors import UsageError
from lakeward.core.settings import load_settings
from lakeward.orchestration.cli.arguments import Json, read_day, read_instant
from lakeward.orchestration.cli.output import PrintFormat, print_document, print_records, say

if TYPE_CHECKING:
    from lakeward.fhir.bulk.state import ExportRun
    from lakeward.landing.sources import Source

bulk_app = typer.Typer(no_args_is_help=True, help="FHIR Bulk Data exports: pull, resume, keys.")

SourceName = Annotated[str, typer.Argument(help="Interface with a `bulk` section in sources.yaml.")]


@bulk_app.command("export")
def bulk_export(
    source: SourceName,
    day: Annotated[
        str | None, typer.Option("--day", help="Day of the delivery, YYYY-MM-DD; default today.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what changed after this instant (ISO 8601).")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Only what changed up to this instant (ISO 8601).")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Everything, whatever is stored.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Stop where the server has to be waited for.")
    ] = False,
) -> None:
    """Pull an export into landing, or go on with the one that was interrupted.

    Example: lakeward bulk export ehr_fhir --day 2026-01-05
    """
    from lakeward.fhir.bulk.clock import ExportClock
    from lakeward.fhir.bulk.context import open_context
    from lakeward.fhir.bulk.exports import ExportRequest, advance, begin, complete
    from lakeward.orchestration.nightly import today

    settings, entry = load_settings(), _source(source)
    of = read_day(day) if day else today(settings)
    request = ExportRequest(of, full=full, since=read_instant(since), until=read_instant(until))
    with (
        open_context(settings.home, entry, ExportClock()) as context,
        context.store.locked(),
        _progress() as report,
    ):
        # `--once` leaves the waiting to whoever calls again, such as a cron job: exports take hours
        run = advance if once else complete
        export = run(context, begin(context, request), report)
    raise typer.Exit(_conclude(export))


@bulk_app.command("status")
def bulk_status(
    source: Annotated[str | None, typer.Argument(help="Interface; default: all.")] = None,
    json: Json = False,
) -> None:
    """Show how far exports are and up to when each source is stored.

    Example: lakeward bulk status ehr_fhir --json
    """
    from lakeward.fhir.bulk.summary import summary
    from lakeward.landing.sources import load_inventory

    home = load_settings().home
    names = [s.name for s in load_inventory(home).sources if s.bulk]
    if source:
        names = [_source(source).name]
    print_records(
        [summary(home, n) for n in names], PrintFormat.json if json else PrintFormat.table
    )


@bulk_app.command("cancel")
def bulk_cancel(source: SourceName) -> None:
    """Cancel the current export: release it at the server, remove what was fetched.

    Example: lakeward bulk cancel ehr_fhir
    """
    from lakeward.fhir.bulk.clock import ExportClock
    from lakeward.fhir.bulk.context import open_context
    from lakeward.fhir.bulk.exports import cancel

    with (
        open_context(load_settings().home, _source(source), ExportClock()) as context,
        context.store.locked(),
    ):
        given_up = cancel(context)
    say(f"Gave up export {given_up.export_id}." if given_up else "No export is running.")


@bulk_app.command("jwks")
def bulk_jwks(source: SourceName) -> None:
    """Print the public keys of a source as a JSON Web Key Set, to register or to publish.

    Example: lakeward bulk jwks ehr_fhir
    """
    from lakeward.fhir.bulk.keys import jwks, key_folder, read_keys

    print_document(jwks(read_keys(key_folder(load_settings().home, _source(source)))))


@bulk_app.command("keygen")
def bulk_keygen(
    source: Annotated[str | None, typer.Argument(help="Interface that will sign with it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: that of the source.")] = None,
    algorithm: Annotated[str, typer.Option(help="ES384 or RS384.")] = "ES384",
) -> None:
    """Make a private key in a file that only its owner may read; the newest key signs.

    Example: lakeward bulk keygen ehr_fhir --algorithm RS384
    """
    from lakeward.fhir.bulk.keys import generate_key, key_folder

    if (source is None) == (out is None):
        raise UsageError("keygen", "needs one folder", "SOURCE or --out", "name a source")
    folder = out or key_folder(load_settings().home, _source(source or ""))
    path = generate_key(folder, _algorithm(algorithm), datetime.now(UTC))
    say(f"Wrote {path}.")
    say(f"Next: lakeward bulk jwks {source or 'SOURCE'}")


def _conclude(export: "ExportRun") -> int:
    from lakeward.fhir.bulk.state import due_at

    if export.state == "failed":
        resume = f"lakeward bulk export {export.source}"
        raise UsageError(
            f"export of {export.source}",
            str(export.failure),
            "all files as promised",
            f"what was fetched is kept: `{resume}` goes on"
            if export.can_continue
            else f"`{resume}` begins a new one",
        )
    if export.state == "running":
        why = f" ({export.failure})" if export.failure else ""
        say(f"Waiting until {due_at(export):%Y-%m-%dT%H:%M:%SZ}{why}; run it again then.")
        return 0
    files = sum(job.files for job in export.jobs)
    say(f"Landed {files} file(s) of {export.source} for {export.day}.")
    older, unwanted = (sum(getattr(j, n) for j in export.jobs) for n in ("older", "unwanted"))
    # servers may ignore `_since` and `_typeFilter`; a delivery is what
    # the server gave, so it is kept
    if older or unwanted:
        say(f"Not asked for: {older} resource(s) older than _since, {unwanted} by no _typeFilter.")
    if export.state == "partial":
        say(f"{export.failure}: the next export asks for the same time again.")
        return 1
    # else the next increment would begin behind the gap, and what lies in it would never come
    if not export.advances:
        say("The watermark stays where it is: this window leaves a gap behind it.")
    say(f"Next: lakeward run --day {export.day}")
    return 0


@contextmanager
def _progress() -> "Iterator[Callable[[ExportRun], None]]":
    """Show how far an export is on a terminal; elsewhere only what goes wrong, each once."""
    # a bar that is redrawn would fill the log of a scheduler with control characters
    if not sys.stderr.isatty():
        yield _report_once()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("kick-off", total=None)

        def report(export: "ExportRun") -> None:
            bar.update(task, **_shown(export))

        yield report


def _report_once() -> "Callable[[ExportRun], None]":
    # a server that is down is asked again and again; one line says it
    seen: set[str] = set()

    def report(export: "ExportRun") -> None:
        if export.state == "running" and export.failure and export.failure not in seen:
            seen.add(export.failure)
            print(f"{export.source}: {export.failure}; trying again", file=sys.stderr)

    return report


def _shown(export: "ExportRun") -> dict[str, Any]:
    job = export.job
    title = f"{export.source} {job.purpose.value} ({export.current + 1}/{len(export.jobs)})"
    words = f"{job.done} of {job.files} files" if job.files else job.progress or "waiting"
    words = f"{export.failure}, trying again" if export.failure else words
    return {"description": f"{title}: {words}", "completed": job.done, "total": job.files or None}


def _source(name: str) -> "Source":
    from lakeward.fhir.bulk.context import bulk_of
    from lakeward.landing.sources import load_inventory

    source = load_inventory(load_settings().home).source(name)
    # raises for an interface that is not pulled: every command here needs its `bulk` section
    bulk_of(source)
    return source


def _algorithm(text: str) -> Literal["RS384", "ES384"]:
    if text not in ("RS384", "ES384"):
        raise UsageError("algorithm", "is not one of the two", "ES384 or RS384", "choose one")
    return "RS384" if text == "RS384" else "ES384"
