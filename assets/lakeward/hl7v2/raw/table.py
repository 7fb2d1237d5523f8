"""The tables that HL7 v2 files are loaded into; how they are filled is in `load`."""

from lakeward.core.phi import Phi
from lakeward.lake.origin import BYTE_LENGTH, BYTE_OFFSET, MESSAGE, ORIGIN
from lakeward.lake.tables import Column, TableSpec

RAW = TableSpec(
    name="raw_hl7v2__message",
    description="HL7 v2 messages as text, with their envelope and where they came from",
    grain="One row per distinct message of a source",
    partition_by=("source",),
    columns=(
        *ORIGIN,
        MESSAGE,
        Column("batch", "BIGINT", Phi.N, "Number of its batch in the file, if any"),
        BYTE_OFFSET,
        BYTE_LENGTH,
        Column("message_type", "VARCHAR", Phi.QI, "MSH-9.1"),
        Column("trigger_event", "VARCHAR", Phi.QI, "MSH-9.2"),
        Column("message_structure", "VARCHAR", Phi.QI, "MSH-9.3"),
        Column("control_id", "VARCHAR", Phi.LK, "MSH-10"),
        Column("sending_application", "VARCHAR", Phi.QI, "MSH-3"),
        Column("sending_facility", "VARCHAR", Phi.QI, "MSH-4"),
        Column("message_at_text", "VARCHAR", Phi.QI, "MSH-7 as sent"),
        Column("message_at", "TIMESTAMP WITH TIME ZONE", Phi.QI, "MSH-7"),
        Column("processing_id", "VARCHAR", Phi.QI, "MSH-11"),
        Column("hl7_version", "VARCHAR", Phi.QI, "MSH-12"),
        Column("charset", "VARCHAR", Phi.N, "Codec the message was decoded with"),
        Column("charset_source", "VARCHAR", Phi.N, "file, source, msh18, utf8 or cp1252"),
        Column(
            "charset_flag", "VARCHAR", Phi.N, "Why the charset is in doubt, see framing/charsets.py"
        ),
        Column("time_zone", "VARCHAR", Phi.N, "Zone of the interface when the message came"),
        Column("tz_policy", "VARCHAR", Phi.N, "tz_policy of the interface when the message came"),
        Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of the bytes with CR line ends"),
        Column("patient_key", "VARCHAR", Phi.LK, "Hash of PID-3.1, where repeats are looked for"),
        Column("snapshot_sha256", "VARCHAR", Phi.LK, "Hash of what counts, if it can repeat"),
        Column("is_key_reused", "BOOLEAN", Phi.N, "Whether MSH-3, 4 and 10 were used before"),
        Column("body", "VARCHAR", Phi.SP, "The message, CR after each segment"),
    ),
)

REPEAT = TableSpec(
    name="hl7v2_repeat",
    description="HL7 v2 messages that repeat what their patient's last message stated; not in raw",
    grain="One row per message that was counted and not stored",
    columns=(
        *ORIGIN,
        MESSAGE,
        BYTE_OFFSET,
        BYTE_LENGTH,
        Column("control_id", "VARCHAR", Phi.LK, "MSH-10"),
        Column("message_key", "BLOB", Phi.LK, "Hash of MSH-3, MSH-4 and MSH-10, if there is one"),
        Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of the bytes with CR line ends"),
        Column("repeats_received", "BIGINT", Phi.N, "received of the stored message it repeats"),
        Column("repeats_message", "BIGINT", Phi.N, "message of the stored message it repeats"),
    ),
)
