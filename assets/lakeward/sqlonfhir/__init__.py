"""SQL on FHIR v2: a ViewDefinition compiled to the SQL that makes its rows.

A view is read with `viewdefinition.parse_view` (or `read_view`, from a file), compiled with
`view.compile_view`, and applied to any relation of resources as JSON text with `over`:

    >>> from lakeward.sqlonfhir.view import compile_view
    >>> from lakeward.sqlonfhir.viewdefinition import parse_view
    >>> columns = [{"name": "id", "path": "id"}, {"name": "kept", "path": "active"}]
    >>> view = parse_view({"resource": "Patient", "select": [{"column": columns}]}, "view kept")
    >>> print(compile_view(view).over("patients"))
    with view_rows as (select
        CAST(STRUCT_EXTRACT("r", 'id') AS TEXT) as "id",
        TRY_CAST(STRUCT_EXTRACT("r", 'active') AS BOOLEAN) as "kept"
        from (select from_json(resource, '{"id": "VARCHAR", "active": "BOOLEAN"}') as r
            from patients))
    select "id", "kept" from view_rows

The modules, from the view down to the SQL:

    viewdefinition   the view as data
    view             its selects: which rows and columns          repeat    selects that recurse
    expression       a FHIRPath expression                        fhirpath  its syntax tree
    functions, operators, boundary, references                    what an expression may call
    values           a compiled collection, and walking from it
    schema           which elements FHIR R4 has                   structure which of them are read
    sql              SQL as a tree
    decimals         keeps `1.10` from becoming 1.1               failures  errors without values

It imports `lakeward.core` alone and could be published by itself: it knows no lake, no landing and
no files. What it needs of a database is a callable that the caller hands in, see `decimals.exact`.
"""
