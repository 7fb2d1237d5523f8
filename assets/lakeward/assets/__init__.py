"""The Dagster assets: what each table and file is called, who owns it, what it depends on.

The only Dagster code below `lakeward.orchestration`; bodies are calls into the packages below.
"""
