"""From `raw_fhir__resource` to flat tables: one per view, and the indexes over all types."""
