"""Gaps in the message sequence numbers of each sender (MSH-13), counted over what is stored.

A gap is a completeness warning, nothing is done about it. Numbers that repeat, start again or jump
by more than 1,000 are no gap. A rejected message leaves a gap until it is replayed.
"""

from typing import Any

from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, open_table

HEADERS = "hl7v2__msh"
"""The flat table that holds MSH-13."""

_SQL = """
with numbered as (
    select source, try_cast(sequence_number as bigint) as number,
        lag(try_cast(sequence_number as bigint)) over (
            partition by source, sending_application, sending_facility
            order by received, message
        ) as previous
    from hl7v2__msh
    where sequence_number is not null
)
select count(*) as messages_numbered,
    count(*) filter (number - previous between 2 and 1000) as sequence_gaps,
    coalesce(sum(number - previous - 1) filter (number - previous between 2 and 1000), 0)::bigint
        as messages_missing_in_sequence
from numbered
"""


def sequence_facts(lake: Lake) -> dict[str, Any]:
    """Count the gaps in MSH-13 and the messages they leave out.

    Returns:
        Counts by name, as shown on the asset; empty when nothing was flattened yet.

    Source: HL7 v2.5.1, chapter 2, MSH-13 Sequence Number.
    """
    if open_table(lake, HEADERS) is None:
        return {}
    with connect(lake, tables=[HEADERS]) as connection:
        relation = connection.sql(_SQL)
        return dict(zip(relation.columns, relation.fetchall()[0], strict=True))
