"""What registrars decide about records of patients: kept as data, append-only, read by dbt."""
