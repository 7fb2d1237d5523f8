"""Which elements stand in raw resources that FHIR R4 does not have: counted for a source's check.

Such an element is stored and never rejected, but no view reads it. A misspelt or newer element
would stay unnoticed if nobody counted it.
"""

from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import Lake

SHOWN = 50
"""How many elements are reported, the most frequent ones."""

_UNKNOWN = """
select
    resource_type || '.' || case
        when regexp_matches(element, '^_?[A-Za-z][A-Za-z0-9]{{0,63}}$') then element
        else '(no legal name)'
    end as path,
    count(*) as resources
from (
    select resource_type, unnest(unknown_elements) as element
    from ({raw})
    where unknown_elements is not null
)
group by 1
order by resources desc, path
limit ?
"""


def unknown_elements(lake: Lake) -> dict[str, int]:
    """Count the stored resources that have an element at their root which R4 does not know.

    A name that no element can have may be a value that slipped into the position of a name, such as
    a patient's: it is counted and not shown.

    Returns:
        Counts by `unknown_element/<type>.<element>`.
    """
    raw = snapshot(lake, "raw_fhir__resource")
    if raw is None:
        return {}
    with connect() as connection:
        rows = connection.execute(_UNKNOWN.format(raw=raw.select()), [SHOWN]).fetchall()
    return {f"unknown_element/{path}": count for path, count in rows}
