"""What else is told of the raw resources: elements that FHIR R4 does not know."""

from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import Lake

SHOWN = 50
"""Elements that are told, the most frequent ones."""

_UNKNOWN = """
select
    resource_type || '.' || case
        when regexp_matches(element, '^_?[A-Za-z][A-Za-z0-9]{{0,63}}$') then element
        else '(no legal name)'
    end as place,
    count(*) as resources
from (
    select resource_type, unnest(unknown_elements) as element
    from ({raw})
    where unknown_elements is not null
)
group by 1
order by resources desc, place
limit ?
"""


def unknown_elements(lake: Lake) -> dict[str, int]:
    """Count the stored resources that have an element at their root which R4 does not know.

    The elements are kept in raw and in no view. A name that no element can have may be a value in
    the wrong place and is not told.

    Returns:
        Counts by `unknown_element/<type>.<element>`.
    """
    raw = snapshot(lake, "raw_fhir__resource")
    if raw is None:
        return {}
    with connect() as connection:
        rows = connection.execute(_UNKNOWN.format(raw=raw.select()), [SHOWN]).fetchall()
    return {f"unknown_element/{place}": count for place, count in rows}
