"""The input formats that Lakeward reads. A new one is an entry here and a package of its own."""

from lakeward.core.errors import SpecError
from lakeward.fhir.format import FHIR
from lakeward.hl7v2.format import HL7V2
from lakeward.landing.formats import Format
from lakeward.landing.sources import Source

FORMATS: tuple[Format, ...] = (FHIR, HL7V2)


def format_of(source: Source) -> Format:
    """Return the format of a source.

    Raises:
        SpecError: No format has the name that the source bears.
    """
    for each in FORMATS:
        if each.name == source.format:
            return each
    names = " or ".join(each.name for each in FORMATS)
    raise SpecError(f"source {source.name}", "is of no known format", names, "mend sources.yaml")
