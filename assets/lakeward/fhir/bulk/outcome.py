"""What an OperationOutcome says, in codes only: its texts may quote a record.

Source: FHIR R4 OperationOutcome; transient codes are those below `transient` in issue-type.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lakeward.fhir.bulk.unpacking import BOM

TRANSIENT = frozenset(
    {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}
)
BAD = frozenset({"fatal", "error"})
_CODE = re.compile(r"[a-z][a-z-]{0,40}")


def issue_codes(body: Any) -> tuple[str, ...]:
    """List the issue codes of an OperationOutcome, none if the body is something else."""
    return tuple(code for issue in _issues(body) if (code := _code(issue.get("code"))))


def is_transient(body: Any) -> bool:
    """Say whether every issue may pass by itself."""
    codes = issue_codes(body)
    return bool(codes) and set(codes) <= TRANSIENT


def count_bad(lines: Iterable[bytes]) -> int:
    """Count the lines of an outcome file that tell of a loss, and those that cannot be read.

    A line is bad if an issue is of severity error or fatal; warnings and information are not.
    """
    return sum(1 for line in lines if _is_bad(line))


def _is_bad(line: bytes) -> bool:
    text = line.removeprefix(BOM).strip()
    if not text:
        return False
    try:
        issues = list(_issues(json.loads(text)))
    except ValueError:
        return True
    return not issues or any(issue.get("severity") in BAD for issue in issues)


def _issues(body: Any) -> Iterable[Mapping[str, Any]]:
    if not isinstance(body, Mapping) or body.get("resourceType") != "OperationOutcome":
        return
    found = body.get("issue")
    yield from (i for i in (found if isinstance(found, list) else []) if isinstance(i, Mapping))


def _code(value: Any) -> str | None:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None
