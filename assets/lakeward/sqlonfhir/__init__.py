"""SQL on FHIR v2: a ViewDefinition compiled to the SQL that makes its rows.

It knows FHIR's types and FHIRPath, and no lake, no landing and no files: what a relation of
resources is, its caller says. It imports `lakeward.core` alone and could be published by itself.

`viewdefinition` is the data, `view` compiles it, `expression` compiles the FHIRPath in it.
"""
