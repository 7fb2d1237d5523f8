"""Errors, settings and paths: imported by every layer, imports none of ours."""
