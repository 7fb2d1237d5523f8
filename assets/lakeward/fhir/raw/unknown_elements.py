"""What stands in raw resources that FHIR R4 does not have: counted for a source's check.

An element that R4 lacks is stored and never rejected, but no view reads it. A misspelt or newer
element would stay unnoticed if nobody counted it. An id of more than 64 characters, which large
EHRs send, is kept as well: without it the resource, and all that refers to it, would be lost.
"""

from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import Lake
from lakeward.sqlonfhir.schema import WITHOUT_ID

_UNKNOWN = """
select resource_type, count(*) as resources
from ({raw})
where unknown_elements is not null
group by resource_type
order by resource_type
"""

_LONG_IDS = """
select resource_type, count(*) as resources
from ({raw})
where length(id) > 64 and resource_type not in {without_id}
group by resource_type
order by resource_type
"""


_UNREADABLE_STAMPS = """
select resource_type, count(*) as resources
from ({raw})
where
    last_updated is null
    and not regexp_matches(last_updated_text, '^[0-9]{{4}}(-[0-9]{{2}}){{0,2}}$')
group by resource_type
order by resource_type
"""


def beyond_r4(lake: Lake) -> dict[str, int]:
    """Count what stored resources have that R4 does not allow: elements, long ids, stamps.

    Returns:
        Counts by `unknown_element/<type>`, `long_id/<type>` and `unreadable_last_updated/<type>`.
    """
    return {**unknown_elements(lake), **long_ids(lake), **unreadable_stamps(lake)}


def unreadable_stamps(lake: Lake) -> dict[str, int]:
    """Count the stored resources whose meta.lastUpdated is no instant: it stays text.

    Returns:
        Counts by `unreadable_last_updated/<type>`.
    """
    raw = snapshot(lake, "raw_fhir__resource")
    if raw is None:
        return {}
    with connect() as connection:
        rows = connection.execute(_UNREADABLE_STAMPS.format(raw=raw.select())).fetchall()
    return {f"unreadable_last_updated/{kind}": count for kind, count in rows}


def long_ids(lake: Lake) -> dict[str, int]:
    """Count the stored resources with an id of more than 64 characters, by `long_id/<type>`."""
    raw = snapshot(lake, "raw_fhir__resource")
    if raw is None:
        return {}
    with connect() as connection:
        query = _LONG_IDS.format(raw=raw.select(), without_id=WITHOUT_ID)
        rows = connection.execute(query).fetchall()
    return {f"long_id/{kind}": count for kind, count in rows}


def unknown_elements(lake: Lake) -> dict[str, int]:
    """Count the stored resources that have an element at their root which R4 does not know.

    Only counted, not named: a name may be a value that slipped into its position, such as a
    patient's, and counts are stored in Dagster's database. The names are in the raw table.

    Returns:
        Counts by `unknown_element/<type>`.
    """
    raw = snapshot(lake, "raw_fhir__resource")
    if raw is None:
        return {}
    with connect() as connection:
        rows = connection.execute(_UNKNOWN.format(raw=raw.select())).fetchall()
    return {f"unknown_element/{kind}": count for kind, count in rows}
