"""Delta tables, DuckDB over them, and what is released.

The only package that imports `duckdb` and `deltalake`; everybody else asks it for a `Connection`,
hands it Arrow data, or asks which versions are released.
"""
