"""From landed FHIR files to `raw_fhir__resource`: records found, checked and stored once.

The way of a file, by the modules:

    file_bytes ─> lines ─> record_blocks ─> checked_records ─> file_kinds ─> crash_recovery ─┐
    unpacked      split    in memory        good or not:       lines,        what a killed   │
                                            shape_prefilter,   Bundle        load decided    │
                                            shapes             or other                      │
                                                               (bundles)                     │
    load: raw, quarantine and repeats written <─ repeats: duplicates found <─────────────────┘

Beside it, `explain` says in words what is wrong with a rejected record, and `unknown_elements`
counts what FHIR R4 does not have. Flat tables are in `fhir.flat`.
"""
