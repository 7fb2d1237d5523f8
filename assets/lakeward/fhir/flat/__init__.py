"""From `raw_fhir__resource` to flat tables: one a view, and those over all types."""
