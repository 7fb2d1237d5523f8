"""What an OperationOutcome says, in codes only: its texts may quote a record.

Source: FHIR R4 OperationOutcome; transient codes are those below `transient` in issue-type.
Bulk Data Access STU2, export, status request: a transient error is about the request, not the job.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lakeward.core.foreign_json import read_json
from lakeward.fhir.bulk.unpacking import BOM

TRANSIENT = frozenset(
    {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}
)
LOST = frozenset({"fatal", "error"})
"""Severities of an issue that mean a loss: something asked for was not exported."""

_CODE = re.compile(r"[a-z][a-z-]{0,40}")


def issue_codes(body: Any) -> tuple[str, ...]:
    """List the issue codes of an OperationOutcome, none if the body is something else."""
    return tuple(code for issue in _issues(body) if (code := _code(issue.get("code"))))


def is_transient(body: Any) -> bool:
    """Return whether every issue may pass by itself; false without any issue."""
    codes = issue_codes(body)
    return bool(codes) and set(codes) <= TRANSIENT


def count_losses(lines: Iterable[bytes]) -> int:
    """Count the lines of an outcome file that report a loss, and those that cannot be read.

    A line reports a loss if an issue is of severity error or fatal. Warnings and information do
    not: servers write a line about every parameter that they ignored.
    """
    return sum(1 for line in lines if _is_loss(line))


def _is_loss(line: bytes) -> bool:
    text = line.removeprefix(BOM).strip()
    if not text:
        return False
    try:
        issues = list(_issues(read_json(text)))
    except ValueError:
        return True
    return not issues or any(issue.get("severity") in LOST for issue in issues)


def _issues(body: Any) -> Iterable[Mapping[str, Any]]:
    if not isinstance(body, Mapping) or body.get("resourceType") != "OperationOutcome":
        return
    found = body.get("issue")
    yield from (i for i in (found if isinstance(found, list) else []) if isinstance(i, Mapping))


def _code(value: Any) -> str | None:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None
