"""Tables that the store reads and that no step of a night builds: decisions about single records.

What registrars decided about merges, and which records are left out of the store. Dagster shows
them beside the deliveries, since they enter the lake from outside the pipe, one row at a time.
"""

import dagster as dg

from lakeward.assets.metadata import table_asset
from lakeward.identity.decisions import DECISION
from lakeward.quarantine.withheld import LEFT_OUT, WITHHELD


def decision_assets() -> list[dg.AssetSpec]:
    """Return an asset for each table of decisions; nothing materializes them in a night."""
    return [
        table_asset(spec, group="landing", kinds={"deltalake"})
        for spec in (DECISION, WITHHELD, LEFT_OUT)
    ]
