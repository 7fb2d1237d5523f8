"""Reading days and instants that a person typed; which command takes which is the commands' own."""

from datetime import date, datetime

from lakeward.core.errors import UsageError


def read_day(text: str) -> date:
    """Read a day.

    Raises:
        UsageError: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("day", "not a date", "YYYY-MM-DD", "write it as 2026-01-05") from None


def read_instant(text: str | None) -> datetime | None:
    """Read an instant; None stands for none given.

    Raises:
        UsageError: It is none, or has no offset: hospital clocks differ.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901  stands for "no zone", refused below
    if found.tzinfo is None:
        raise UsageError(
            "instant", "not an instant with offset", "ISO 8601", "write it as 2026-01-05T06:00:00Z"
        )
    return found
