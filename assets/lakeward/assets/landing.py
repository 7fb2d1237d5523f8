"""Assets of landing: one delivery per interface and day, and the ledger of files."""

from collections.abc import Iterator

import dagster as dg

from lakeward.assets.failure import told_safely
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.lake.query import connect
from lakeward.landing.deliveries import deliveries, incomplete
from lakeward.landing.ledger import LEDGER_ENTRY, register
from lakeward.landing.promises import EXPORT_FILE
from lakeward.landing.sources import Inventory, Source


def delivery_key(source: Source) -> dg.AssetKey:
    """Name the asset of a source's deliveries."""
    return dg.AssetKey(f"delivery__{source.name}")


def delivery_assets(
    inventory: Inventory, days: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Make the assets `delivery__<source>`: files that arrived, entered in the ledger."""

    @dg.multi_asset(
        name="deliveries",
        specs=[
            dg.AssetSpec(
                delivery_key(source),
                group_name="landing",
                kinds={source.format, "file"},
                owners=[source.owner],
                description=f"{source.system}: {source.purpose}. {source.transport}.",
                tags={"source": source.name},
            )
            for source in inventory.sources
        ],
        partitions_def=days,
        can_subset=True,
        pool=WRITER_POOL,
    )
    @told_safely
    def _deliveries(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None]]:
        landing, lake, through = home.settings().home.landing, home.lake(), home.day_of(context).day
        for source in inventory.sources:
            if delivery_key(source) not in context.selected_asset_keys:
                continue
            arrived = deliveries(landing, source.name, through)
            added = register(lake, landing, arrived)
            today = [d for d in arrived if d.day == through]
            files = [f for d in today for f in d.files]
            yield dg.MaterializeResult(
                asset_key=delivery_key(source),
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


def ledger_asset(upstream: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Make the asset `ledger`: every file with its counts, settled by the raw tables."""

    @dg.multi_asset(
        name="ledger",
        specs=[
            table_asset(table, group="raw", kinds={"deltalake"}, deps=upstream)
            for table in (LEDGER_ENTRY, EXPORT_FILE)
        ],
    )
    @told_safely
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
