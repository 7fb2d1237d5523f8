"""Gaps in the message sequence numbers of each sender (MSH-13), counted over what is stored.

A gap is a completeness warning, nothing is done about it. Numbers that repeat or begin anew are no
gap, nor are jumps over 1,000; a message that is set aside leaves one until it is replayed.
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
        ) as before
    from hl7v2__msh
    where sequence_number is not null
)
select count(*) as messages_numbered,
    count(*) filter (number - before between 2 and 1000) as sequence_gaps,
    coalesce(sum(number - before - 1) filter (number - before between 2 and 1000), 0)::bigint
        as messages_missing_in_sequence
from numbered
"""


def sequence_facts(lake: Lake) -> dict[str, Any]:
    """Count the gaps in MSH-13 and the messages they leave out."""
    if open_table(lake, HEADERS) is None:
        return {}
    with connect(lake, tables=[HEADERS]) as connection:
        relation = connection.sql(_SQL)
        return dict(zip(relation.columns, relation.fetchall()[0], strict=True))
