-- The file and the number that a replayed record names in its path, as texts; empty texts for any
-- other file. `ehr_fhir/2026-01-05/replay/000000000007-0002.ndjson` is the second replay of records
-- that were rejected from file 7; see `core.paths.replay_file`.
create or replace temp macro replay_of(file) as regexp_extract(
    file, '^[^/]+/[^/]+/replay/(\d{12})-(\d{4,})\.\w+$', ['received', 'number']
)
