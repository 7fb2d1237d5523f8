"""From landed HL7 v2 files to `raw_hl7v2__message`: each message checked and stored once."""
