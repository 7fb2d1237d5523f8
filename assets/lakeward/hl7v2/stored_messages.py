"""How stored HL7 v2 messages are found and called."""

from lakeward.landing.stored_records import StoredRecords

MESSAGES = StoredRecords(
    table="raw_hl7v2__message",
    position="message",
    title="message_type || coalesce('^' || trigger_event, '')",
    called="control_id",
)
