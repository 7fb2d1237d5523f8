"""The FHIR Bulk Data client: exports of STU1 to STU4 servers into landing, exactly once.

`exports` is the way in; `machine` says what comes next, `steps` does it, `store` keeps it. What the
resources hold is not looked at here: that belongs to the loading of what was landed.
"""
