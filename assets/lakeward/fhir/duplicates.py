"""Which records say nothing new: their content is stored already, or came twice.

Where neither lastUpdated nor versionId orders versions, the last delivery tells the truth: a
consent told as A, B and A again must end as A. So there only a repeat of what was told last is a
duplicate; elsewhere the order of versions decides, and any content stored before is one.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeward.lake.query import Connection

_TOLD_AGAIN = """
create or replace temp table told_again as
select key from record where reason is null group by key having count(*) > 1
union
select hash(resource_type, id) as key
from raw_fhir__resource
where source = $source and received < $first
    and hash(resource_type, id) in (select key from record where reason is null)
"""
"""Resources, by the hash of their name, of which this load holds not the only version."""

_STORED = """
create or replace temp table stored as
select
    resource_type, id, content_sha256,
    row_number() over (
        partition by resource_type, id order by received desc, line desc
    ) = 1 as is_last
from raw_fhir__resource
where source = $source and received < $first
    and hash(resource_type, id) in (select key from told_again)
"""

_DUPLICATES = """
select number
from (
    select
        r.*,
        row_number() over (
            partition by resource_type, id, content_sha256 order by received, line
        ) > 1 as is_repeated,
        lag(content_sha256) over (
            partition by resource_type, id order by received, line
        ) as told_before,
        stored_last
    from (
        select * from record
        where reason is null and key in (select key from told_again)
    ) as r
    left join (
        select resource_type, id, content_sha256 as stored_last from stored where is_last
    ) as s using (resource_type, id)
)
where
    case
        when last_updated_text is null and version_id is null
            then coalesce(content_sha256 = coalesce(told_before, stored_last), false)
        else is_repeated
            or (resource_type, id, content_sha256)
            in (select (resource_type, id, content_sha256) from stored)
    end
"""

_COLUMNS = [
    "received",
    "line",
    "content_sha256",
    "resource_type",
    "id",
    "version_id",
    "last_updated_text",
    "reason",
    "key",
]


def find_duplicates(
    connection: Connection, records: pa.Table, source: str, first: int
) -> npt.NDArray[np.bool_]:
    """Tell for each record whether it is a duplicate.

    Args:
        connection: Shows `raw_fhir__resource`.
        records: Envelopes in the order of arrival.
        source: The interface that delivered them.
        first: Number of its first file among them; what is stored of later ones does not count.
    """
    numbered = records.select(_COLUMNS).append_column("number", pa.array(np.arange(len(records))))
    connection.register("record", numbered)
    connection.execute(_TOLD_AGAIN, {"source": source, "first": first})
    connection.execute(_STORED, {"source": source, "first": first})
    found = connection.sql(_DUPLICATES).to_arrow_table().column("number")
    connection.unregister("record")
    duplicate = np.zeros(len(records), np.bool_)
    duplicate[found.to_numpy()] = True
    return duplicate
