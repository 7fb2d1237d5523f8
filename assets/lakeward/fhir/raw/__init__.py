"""From landed FHIR files to `raw_fhir__resource`: records found, checked, stored once."""
