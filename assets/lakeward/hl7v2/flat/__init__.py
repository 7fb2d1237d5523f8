"""From `raw_hl7v2__message` to flat tables, one a segment."""
