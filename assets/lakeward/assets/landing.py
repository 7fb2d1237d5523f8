"""Assets of landing: one delivery per interface and day, and the ledger of files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from lakeward.assets.bulk import export_key
from lakeward.assets.failure import without_record_values
from lakeward.assets.formats import format_of
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.assets.source_checks import up_to_date, up_to_date_check
from lakeward.lake.causes import cause_of
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, ensure_table
from lakeward.landing.deliveries import Delivery, deliveries, incomplete
from lakeward.landing.expected_files import EXPORT_FILE
from lakeward.landing.ledger import LEDGER_ENTRY, register
from lakeward.landing.packed_files import packing_of, shown_name
from lakeward.landing.source_failures import (
    SOURCE_FAILURE,
    enter_failures,
    failure,
)
from lakeward.landing.sources import Inventory, Source
from lakeward.quarantine.replay import finish

REGISTERED = "registered_files"
"""The asset that raw tables depend on: it is there also on a day without any delivery."""
ARRIVED = "delivered"
READABLE = "files_can_be_read"
_SHOWN = 5
"""How many files that cannot be read a check names."""
_LOOK_BACK = 31
"""For how many days holes are listed."""


def delivery_key(source: Source) -> dg.AssetKey:
    """Name the asset of a source's deliveries."""
    return dg.AssetKey(f"delivery__{source.name}")


def delivery_assets(
    inventory: Inventory, days: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Build the assets `delivery__<source>`: files that arrived, entered in the ledger.

    A day without a delivery is not materialized, so that it shows as the hole that it is. What
    comes after depends on `registered_files`, which always is.
    """

    @dg.multi_asset(
        name="deliveries",
        specs=[
            *(_delivery_spec(source, days) for source in inventory.sources),
            _registered_spec(inventory),
        ],
        check_specs=[
            check(source)
            for source in inventory.sources
            for check in (_arrival_check, _reading_check, _entering_check)
        ],
        can_subset=True,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _deliveries(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        landing, lake, through = home.settings().home.landing, home.lake(), home.day_of(context).day
        chosen = [s for s in inventory.sources if delivery_key(s) in context.selected_asset_keys]
        reports, errors = _enter_each(lake, landing, chosen, through)
        failed = [failure("deliver", through, cause_of(e), name) for name, e in errors.items()]
        lasting = enter_failures(lake, "deliver", [s.name for s in chosen], failed)
        for report in reports:
            yield from report.results()
            yield up_to_date(report.key, [])
        for one in lasting:
            key = delivery_key(inventory.source(one.source))
            yield from _not_entered(key)
            yield up_to_date(key, [one])
        # where no source is left, the night has nothing to stand on: its lists name this cause
        if errors and not reports:
            raise next(iter(errors.values()))
        if dg.AssetKey(REGISTERED) in context.selected_asset_keys:
            metadata = {"files_new_to_the_ledger": sum(report.added for report in reports)}
            yield dg.MaterializeResult(asset_key=REGISTERED, metadata=metadata)

    return _deliveries


@dataclass(frozen=True)
class _Report:
    """What a source delivered and what of it was entered in the ledger."""

    key: dg.AssetKey
    added: int
    delivered: tuple[dg.MaterializeResult[None], ...]
    checks: tuple[dg.AssetCheckResult, ...]

    def results(self) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield from self.checks
        yield from self.delivered


def _enter_each(
    lake: Lake, landing: Path, sources: Sequence[Source], through: date
) -> tuple[list[_Report], dict[str, Exception]]:
    """Enter the files of each source; return the reports, and the errors by source."""
    reports: list[_Report] = []
    errors: dict[str, Exception] = {}
    for source in sources:
        try:
            reports.append(_enter(lake, landing, source, through))
        except Exception as error:  # whatever it is, the other sources do not stand on it
            errors[source.name] = error
    return reports, errors


def _enter(lake: Lake, landing: Path, source: Source, through: date) -> _Report:
    """Enter the files of a source in the ledger; raise when any of them cannot be read."""
    # before anything is listed: a replay that a kill left hidden belongs to this night
    finish(lake, landing, source.name)
    # all days up to this one: a late delivery of an earlier day is loaded in its turn
    arrived = deliveries(landing, source.name, through)
    added = register(lake, landing, arrived)
    # a delivery of which nothing is read, as a link, is none; one whose manifest is wrong has not
    # come: what depends on it must not look fresh
    counted = [d for d in arrived if not d.refused and (d.files or not d.not_read)]
    today = [d for d in counted if d.day == through]
    unfinished = incomplete(landing, source.name)
    checks = (
        _arrived(source, [d.day for d in counted], through),
        _readable(source, arrived, through),
    )
    # a day without a delivery is not materialized, so that it shows as the hole that it is
    delivered = (_delivered(source, today, added, unfinished),) if today else ()
    return _Report(delivery_key(source), added, delivered, checks)


def _not_entered(key: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
    """Report a source whose files could not be entered: nothing is known of what it delivered."""
    for name in (ARRIVED, READABLE):
        yield dg.AssetCheckResult(
            check_name=name,
            asset_key=key,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="not known: the source failed",
        )


def _delivered(
    source: Source, today: Sequence[Delivery], added: int, unfinished: Sequence[date]
) -> dg.MaterializeResult[None]:
    files = [f for d in today for f in d.files]
    return dg.MaterializeResult(
        asset_key=delivery_key(source),
        metadata={
            "files": len(files),
            "bytes": sum(f.stat().st_size for f in files),
            "files_new_to_the_ledger": added,
            "days_without_marker": [d.isoformat() for d in unfinished],
        },
    )


def _registered_spec(inventory: Inventory) -> dg.AssetSpec:
    return dg.AssetSpec(
        REGISTERED,
        group_name="landing",
        kinds={"file"},
        owners=[LEDGER_ENTRY.owner],
        description="Files of all deliveries up to the day, entered in the ledger and waiting.",
        deps=[delivery_key(source) for source in inventory.sources],
    )


def _delivery_spec(source: Source, days: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        delivery_key(source),
        partitions_def=days,
        skippable=True,
        group_name="landing",
        kinds={source.format, "file"},
        owners=[source.owner],
        description=f"{source.system}: {source.purpose}. {source.transport}.",
        deps=[export_key(source)] if source.bulk else [],
        tags={"source": source.name},
        metadata={
            "records_expected_at_least": source.expected_volume.minimum,
            "records_expected_at_most": source.expected_volume.maximum,
            "maintained_until": source.end_of_support.isoformat(),
        },
    )


def _arrival_check(source: Source) -> dg.AssetCheckSpec:
    about = "A delivery arrived for the day; an empty one counts, a hole does not"
    return dg.AssetCheckSpec(ARRIVED, asset=delivery_key(source), description=about)


def _arrived(source: Source, arrived: Sequence[date], through: date) -> dg.AssetCheckResult:
    """Check whether a source delivered as its cadence says, and which days are holes.

    An empty file is a delivery of volume 0; no delivery at all is a hole. Weekly feeds have a hole
    when seven days have none.
    """
    every = 7 if source.cadence == "weekly" else 1
    asked = [through - timedelta(days=n) for n in range(_LOOK_BACK)]
    holes = [
        day
        for day in asked
        if arrived
        # an interface has no holes before its first delivery
        and day >= arrived[0]
        and not any(day - timedelta(days=every) < at <= day for at in arrived)
    ]
    last = arrived[-1].isoformat() if arrived else "never"
    passed = bool(arrived) and through not in holes
    return dg.AssetCheckResult(
        check_name=ARRIVED,
        asset_key=delivery_key(source),
        passed=passed,
        # what other interfaces delivered must still reach the worklists
        severity=dg.AssetCheckSeverity.WARN,
        description=None if passed else f"no delivery for {through}; the last one: {last}",
        metadata={
            "days_without_delivery": [day.isoformat() for day in sorted(holes)],
            "last_delivery": last,
        },
    )


def _reading_check(source: Source) -> dg.AssetCheckSpec:
    about = (
        "Each file of the last month is one, named in UTF-8, in text that its format reads, packed"
        " with gzip once or not at all, and listed by a manifest that is as the guide says, or none"
    )
    return dg.AssetCheckSpec(READABLE, asset=delivery_key(source), description=about)


def _entering_check(source: Source) -> dg.AssetCheckSpec:
    about = "Each file of the source could be listed, read and entered in the ledger"
    return up_to_date_check(delivery_key(source), about)


def _readable(source: Source, arrived: Sequence[Delivery], through: date) -> dg.AssetCheckResult:
    """Check whether a source delivered files that no format reads."""
    recent = [d for d in arrived if through - d.day < timedelta(days=_LOOK_BACK)]
    reads_utf16 = format_of(source).reads_utf16
    unread = [
        f"{d.day}: {shown_name(f)} ({why})" for d in recent for f, why in sorted(d.not_read.items())
    ]
    unread += [f"{d.day}: the files of {refusal}" for d in recent for refusal in d.refused]
    unread += [
        f"{d.day}: {file.name} (delivered as {packing})"
        for d in recent
        for file in d.files
        if (packing := packing_of(file, reads_utf16=reads_utf16))
    ]
    more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
    return dg.AssetCheckResult(
        check_name=READABLE,
        asset_key=delivery_key(source),
        passed=not unread,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"not read: {', '.join(unread[:_SHOWN])}{more}" if unread else None,
        metadata={"files_not_read": len(unread)},
    )


def ledger_asset(upstream: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the asset `ledger`: every file with its counts, as the raw tables have closed it."""

    @dg.multi_asset(
        name="ledger",
        specs=[
            table_asset(table, group="raw", kinds={"deltalake"}, deps=upstream)
            for table in (LEDGER_ENTRY, EXPORT_FILE, SOURCE_FAILURE)
        ],
    )
    @without_record_values
    def _ledger(home: LakewardHome) -> Iterator[dg.MaterializeResult[None]]:
        lake = home.lake()
        with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
            (files, found, stored, duplicate, quarantined) = connection.execute(
                "select count(*), coalesce(sum(found), 0), coalesce(sum(stored), 0),"
                " coalesce(sum(duplicate), 0), coalesce(sum(quarantined), 0) from ledger"
            ).fetchall()[0]
        counts = {
            "found": int(found),
            "stored": int(stored),
            "duplicate": int(duplicate),
            "quarantined": int(quarantined),
        }
        yield table_result(lake, LEDGER_ENTRY.name, extra={"files": int(files), **counts})
        yield table_result(lake, EXPORT_FILE.name)
        ensure_table(lake, SOURCE_FAILURE)
        yield table_result(lake, SOURCE_FAILURE.name)

    return _ledger
