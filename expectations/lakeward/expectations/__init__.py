"""Quality: contracts as Great Expectations suites, what their rules find, Data Docs and history.

Contracts themselves belong to `lakeward.contracts`; what happens to a table that fails belongs to
`lakeward.lake.release`.
"""
