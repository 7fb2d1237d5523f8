"""Exports worklists: reads a release, writes the outbox, keeps the audit, traces rows back.

Which rows a list holds and why is SQL in `dbt_project/models/worklists`; what may leave, to whom
and in which formats is in the contracts. Nothing here checks data, and nothing names a list.
"""
