"""Scopes of SMART Backend Services: which to ask for, and whether the granted ones suffice.

A server may grant less than was asked for and then leaves types out without an error, so a scope
that is missing stops the export.

Source: SMART App Launch 2, scopes-and-launch-context (v1 `.read`, v2 `.rs`).
"""

import re
from collections.abc import Iterable

from lakeward.landing.bulk import BulkExport

_SCOPE = re.compile(r"system/(?P<type>\*|[A-Za-z]+)\.(?P<rights>read|\*|c?r?u?d?s?)")


def needed_types(bulk: BulkExport) -> list[str]:
    """List the types that the token must cover, the group among them."""
    # the membership job asks for Patient, whether or not the types have it
    members = ["Patient"] if bulk.follows_membership else []
    group = ["Group"] if bulk.level == "group" else []
    return sorted({*bulk.types, *members, *group})


def asked_scope(bulk: BulkExport) -> str:
    """Return the scope to ask for: one for each type, for reading only."""
    right = "rs" if bulk.scopes == "v2" else "read"
    return " ".join(f"system/{name}.{right}" for name in needed_types(bulk))


def missing_types(granted: str, needed: Iterable[str]) -> list[str]:
    """List the needed types that the granted scopes do not cover as a whole.

    A scope with a condition (`system/Observation.rs?category=…`) covers a part only.
    """
    found = [match for part in granted.split() if (match := _SCOPE.fullmatch(part))]
    covered = {match["type"] for match in found if _may_read(match["rights"])}
    return [] if "*" in covered else sorted(set(needed) - covered)


def _may_read(rights: str) -> bool:
    # v2 rights are letters: read alone is of one resource by its id, an export needs search too
    return rights in {"read", "*"} or {"r", "s"} <= set(rights)
