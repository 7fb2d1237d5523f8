"""FHIR in: NDJSON to raw resources, and ViewDefinitions over them to flat typed tables."""
