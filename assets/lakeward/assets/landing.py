"""Assets of landing: one delivery per interface and day, and the ledger of files."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import dagster as dg

from lakeward.assets.bulk import export_key
from lakeward.assets.failure import without_record_values
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.lake.query import connect
from lakeward.landing.deliveries import deliveries, incomplete
from lakeward.landing.expected_files import EXPORT_FILE
from lakeward.landing.ledger import LEDGER_ENTRY, register
from lakeward.landing.sources import Inventory, Source
from lakeward.quarantine.replay import finish

ARRIVED = "delivered"
_LOOK_BACK = 31
"""For how many days holes are listed."""


def delivery_key(source: Source) -> dg.AssetKey:
    """Name the asset of a source's deliveries."""
    return dg.AssetKey(f"delivery__{source.name}")


def delivery_assets(
    inventory: Inventory, days: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Build the assets `delivery__<source>`: files that arrived, entered in the ledger."""

    @dg.multi_asset(
        name="deliveries",
        specs=[_delivery_spec(source) for source in inventory.sources],
        check_specs=[_arrival_check(source) for source in inventory.sources],
        partitions_def=days,
        can_subset=True,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _deliveries(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        landing, lake, through = home.settings().home.landing, home.lake(), home.day_of(context).day
        # before anything is listed: a replay that a kill left hidden belongs to this night
        finish(lake, landing)
        for source in inventory.sources:
            if delivery_key(source) not in context.selected_asset_keys:
                continue
            # all days up to this one: a late delivery of an earlier day is loaded in its turn
            arrived = deliveries(landing, source.name, through)
            added = register(lake, landing, arrived)
            today = [d for d in arrived if d.day == through]
            files = [f for d in today for f in d.files]
            key = delivery_key(source)
            yield _arrived(source, [d.day for d in arrived], through)
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "files": len(files),
                    "bytes": sum(f.stat().st_size for f in files),
                    "files_new_to_the_ledger": added,
                    "delivered": bool(today),
                    "days_without_marker": [
                        d.isoformat() for d in incomplete(landing, source.name)
                    ],
                },
            )

    return _deliveries


def _delivery_spec(source: Source) -> dg.AssetSpec:
    return dg.AssetSpec(
        delivery_key(source),
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


def ledger_asset(upstream: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the asset `ledger`: every file with its counts, as the raw tables have closed it."""

    @dg.multi_asset(
        name="ledger",
        specs=[
            table_asset(table, group="raw", kinds={"deltalake"}, deps=upstream)
            for table in (LEDGER_ENTRY, EXPORT_FILE)
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

    return _ledger
