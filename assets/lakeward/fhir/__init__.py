"""FHIR in: bulk exports pulled, files to raw resources, views over them to flat tables.

`bulk` pulls exports into landing, `raw` loads landed files, `flat` fills the tables that
`view_tables` describes. The compiler of views is `lakeward.sqlonfhir`.
"""
