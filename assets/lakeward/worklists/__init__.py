"""Delivers worklists: reads a release, writes the outbox, keeps the audit, traces rows back.

Which rows a list holds and why is SQL in `dbt_project/models/worklists`; what may leave, to whom
and for how long is in the contracts. Nothing here judges data.
"""
