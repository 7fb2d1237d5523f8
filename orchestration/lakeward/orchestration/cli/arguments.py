"""Options that several commands share, and reading the days and instants that a person typed.

Which command takes which option is the command's own.
"""

from datetime import date, datetime
from typing import Annotated

import typer

from lakeward.core.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Day = Annotated[str | None, typer.Option("--day", help="Business day, YYYY-MM-DD; default today.")]

KnownAt = Annotated[
    str | None, typer.Option("--known-at", help="As known at an instant (ISO 8601).")
]


def read_day(text: str) -> date:
    """Read a day in ISO 8601, `YYYY-MM-DD`.

    Raises:
        UsageError: The text is not a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("day", "not a date", "YYYY-MM-DD", "write it as 2026-01-05") from None


def read_instant(text: str | None) -> datetime | None:
    """Read an instant in ISO 8601 with its offset; None is an option that was not used.

    An instant without offset is rejected: the machine's zone, the hospital's and the server's may
    all differ, and hours of data would be missing without notice.

    Raises:
        UsageError: The text is not an instant, or has no offset.
    """
    if text is None:
        return None
    try:
        # a bare date is read, too, as midnight without offset, and is rejected for that
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901  it has no zone, rejected below
    if found.tzinfo is None:
        raise UsageError(
            "instant", "not an instant with offset", "ISO 8601", "write it as 2026-01-05T06:00:00Z"
        )
    return found
