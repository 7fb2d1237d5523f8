"""Counts gaps in the message sequence numbers of each sender (MSH-13), over what is stored.

A gap is a completeness warning; nothing is rejected for it. Numbers that repeat or start again are
no gap, nor are jumps over 1,000. A rejected message leaves a gap until it is replayed.

Source: HL7 v2.5.1 chapter 2, sections 2.10.1 (sequence number protocol) and 2.15.9.13 (MSH-13).
"""

from typing import Any

from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, open_table

HEADERS = "hl7v2__msh"
"""The flat table that holds MSH-13."""
_LARGEST_STEP = 1000
"""A larger step is taken for a counter that starts again elsewhere, not for lost messages."""

# By sender, because each counts for itself, and in the order of arrival. What is no number is NULL
# and makes no gap.
_SQL = f"""
with numbered as (
    -- hugeint: the difference of two numbers that a sender chooses leaves the range of bigint
    select source, cast(try_cast(sequence_number as bigint) as hugeint) as number,
        lag(cast(try_cast(sequence_number as bigint) as hugeint)) over (
            partition by source, sending_application, sending_facility
            order by received, message
        ) as previous
    from hl7v2__msh
    where sequence_number is not null
)
select count(*) as messages_numbered,
    count(*) filter (number - previous between 2 and {_LARGEST_STEP}) as sequence_gaps,
    coalesce(
        sum(number - previous - 1) filter (number - previous between 2 and {_LARGEST_STEP}), 0
    )::bigint as messages_missing_in_sequence
from numbered
"""


def count_sequence_gaps(lake: Lake) -> dict[str, Any]:
    """Count the gaps in MSH-13 and the messages they leave out.

    Returns:
        `messages_numbered`, `sequence_gaps`, `messages_missing_in_sequence`; nothing before the
        first flat table was written.
    """
    if open_table(lake, HEADERS) is None:
        return {}
    with connect(lake, tables=[HEADERS]) as connection:
        relation = connection.sql(_SQL)
        return dict(zip(relation.columns, relation.fetchall()[0], strict=True))
