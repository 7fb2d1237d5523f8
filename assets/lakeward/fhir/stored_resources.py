"""How stored FHIR resources are found and called."""

from lakeward.landing.stored_records import StoredRecords

RESOURCES = StoredRecords(
    table="raw_fhir__resource",
    position="line",
    # without the id: it can be a medical record number
    title="resource_type || coalesce(' version ' || version_id, '')",
    called="resource_type || '/' || id",
)
