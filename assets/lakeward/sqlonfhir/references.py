"""Keys of resources from the text of a reference: `getReferenceKey()`.

    Patient/a                                a      relative
    Patient/a/_history/2                     a      versioned
    https://x.org/fhir/Patient/a             a      absolute
    urn:uuid:0b…                             0b…    an entry of the same Bundle; only without a type
    #a                                       NULL   contained
    Patient?identifier=s|v                   NULL   conditional

Source: FHIR R4, "References" (hl7.org/fhir/R4/references.html); SQL on FHIR v2, `getReferenceKey`.
"""

from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.sql import Sql

# FHIR allows 64 characters, and large EHRs send ids that are longer.
_ID = r"([A-Za-z0-9\-.]{1,255})"
_VERSION = r"(?:/_history/[A-Za-z0-9\-.]{1,255})?"


def reference_key(reference: Sql, kind: str | None) -> Sql:
    """Compile the id that a reference names; NULL when it names none, or one of another type.

    Args:
        reference: Text of the element `reference`.
        kind: Resource type, if the call has one.
    """
    type_ = kind or "[A-Z][A-Za-z]+"
    pattern = f"(?:^|/){type_}/{_ID}{_VERSION}$"
    found = sql.call("regexp_extract", reference, sql.text(pattern), sql.number(1))
    if kind is None:
        uuid = sql.call("regexp_extract", reference, sql.text("^urn:uuid:(.+)$"), sql.number(1))
        found = sql.case(
            (sql.call("starts_with", reference, sql.text("urn:uuid:")), uuid), default=found
        )
        return sql.call("nullif", found, sql.text(""))
    # Most references are `Type/id`, and most that a column looks at are of other types: comparing
    # the start costs a tenth of the pattern.
    start = sql.text(f"{kind}/")
    rest = sql.call("substr", reference, sql.number(len(kind) + 2))
    plain = sql.call("regexp_full_match", rest, sql.text(_ID))
    simple = sql.binary("and", sql.call("starts_with", reference, start), plain)
    named = sql.call("contains", reference, start)
    return sql.case((simple, rest), (named, sql.call("nullif", found, sql.text(""))))
