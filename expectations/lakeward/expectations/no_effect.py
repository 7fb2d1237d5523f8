"""Stored records without an effect, counted by reason, as the quality page and Dagster show them.

Counts, names and reasons, never a record. What a reason is, and how it is derived, is in dbt's
`int__record_outcome` and the seed `no_effect_reason`.
"""

from dataclasses import dataclass

from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, open_table

NO_EFFECT = "canonical__no_effect"


@dataclass(frozen=True)
class NoEffect:
    """How many records of a source and type have no effect for one reason.

    Attributes:
        part: `record`, or the part of records that have an effect otherwise.
        is_expected: Nobody has to act.
        mended_by: Who can mend it, if somebody has to.
        meaning: The reason in words.
    """

    source_system: str
    record_type: str
    part: str
    reason: str
    record_count: int
    is_expected: bool
    mended_by: str
    meaning: str


def without_effect(lake: Lake) -> list[NoEffect]:
    """Read the counts of the newest store, those that somebody has to mend first."""
    if open_table(lake, NO_EFFECT) is None:
        return []  # before the first night
    # the newest, released or not: whoever looks into a hold needs it most
    with connect(lake, tables=[NO_EFFECT]) as connection:
        rows = connection.execute(
            "select source_system, record_type, part, reason, record_count, is_expected,"
            f" coalesce(mended_by, ''), coalesce(meaning, '') from {NO_EFFECT}"
            " order by is_expected, record_count desc, source_system, record_type, part, reason"
        ).fetchall()
    return [NoEffect(*row) for row in rows]
