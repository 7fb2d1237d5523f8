"""The stored records of the formats in `formats.FORMATS`, in their order, without loading these."""

from lakeward.fhir.stored_resources import RESOURCES
from lakeward.hl7v2.stored_messages import MESSAGES
from lakeward.landing.stored_records import StoredRecords

STORED_RECORDS: tuple[StoredRecords, ...] = (RESOURCES, MESSAGES)
