"""Comparing lakes row by row."""

from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, table_names

RUN_HISTORY = {"release", "quality_result", "audit"}
"""Tables about runs; every other table is about patients and must not depend on runs."""
NOT_COMPARED = {"ledger_entry": {"modified_ns"}, "source_coverage": {"recorded_at"}}
"""Columns that say when something was seen, not what."""


def fingerprints(settings: Settings) -> dict[str, tuple[int, str]]:
    """Return the row count and an order-free hash of the rows of every table but run history."""
    lake = Lake(settings.home.lake)
    found = {}
    with connect(lake) as connection:
        for table in table_names(lake):
            if table not in RUN_HISTORY:
                names = connection.sql(f'select * from "{table}" limit 0').columns
                skip = NOT_COMPARED.get(table, set())
                listed = ", ".join(f'"{n}"' for n in names if n not in skip)
                found[table] = connection.execute(
                    f"select count(*), cast(coalesce(sum(hash({listed})), 0) as varchar)"
                    f' from "{table}"'
                ).fetchall()[0]
    return found
