"""Keys of resources from the text of a reference.

Relative, versioned and absolute references give the id; contained (`#a`), conditional
(`Patient?identifier=…`) and foreign forms give none here.
"""

from lakeward.fhir import expressions as sql
from lakeward.fhir.expressions import Sql

_ID = r"([A-Za-z0-9\-.]{1,64})"
_VERSION = r"(?:/_history/[A-Za-z0-9\-.]{1,64})?"


def reference_key(reference: Sql, kind: str | None) -> Sql:
    """Give the id that a reference names, NULL when it is none or of another type."""
    type_ = kind or "[A-Z][A-Za-z]+"
    pattern = f"(?:^|/){type_}/{_ID}{_VERSION}$"
    found = sql.call("regexp_extract", reference, sql.text(pattern), sql.number(1))
    if kind is None:
        uuid = sql.call("regexp_extract", reference, sql.text("^urn:uuid:(.+)$"), sql.number(1))
        found = sql.case(
            (sql.call("starts_with", reference, sql.text("urn:uuid:")), uuid), default=found
        )
        return sql.call("nullif", found, sql.text(""))
    # most references that a column is asked about are of other types: a search costs far less
    # than the pattern
    named = sql.call("contains", reference, sql.text(f"{kind}/"))
    return sql.case((named, sql.call("nullif", found, sql.text(""))))
