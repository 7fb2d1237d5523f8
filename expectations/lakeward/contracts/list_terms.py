"""The terms on which a worklist's rows leave: which are listed, why, and what is a change.

Read from `customProperties` of its contract. What follows from the terms is in `worklists.changes`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from lakeward.core.errors import SpecError

LISTED_UNTIL = "listed_until"
"""Column of a list whose rows leave once: the last day whose list holds the row."""
PROPERTIES = (
    "exportRows", "agingColumns", "contactColumns", "madeAt", "cutOff", "criteria", "suppressions",
)  # fmt: skip
_ROWS = ("daily", "once")
_NIGHT, _END_OF_DAY = "night", "end of day"


@dataclass(frozen=True)
class ListTerms:
    """How a worklist's rows leave.

    Attributes:
        is_sent_once: A row that an earlier day's list delivered is not sent again while it is as it
            was; otherwise each day's list holds every row.
        aging_columns: Grow older by themselves; they alone make no row `changed`.
        contact_columns: By which somebody is reached; a removed row has none of them.
        made_at: Local time of its day at which it is made; None: in the night after it.
        cut_off: Local time of its day up to which data count; None: the end of the day.
        criteria: What everything that is a candidate row fulfils: words by name.
        suppressions: Why a candidate row is left off: words by reason.
    """

    is_sent_once: bool = False
    aging_columns: tuple[str, ...] = ()
    contact_columns: tuple[str, ...] = ()
    made_at: time | None = None
    cut_off: time | None = None
    criteria: Mapping[str, str] = field(default_factory=dict)
    suppressions: Mapping[str, str] = field(default_factory=dict)


def read_list_terms(
    where: str, custom: Mapping[str, Any], exported: Collection[str], columns: Collection[str]
) -> ListTerms:
    """Read the terms of a contract.

    Args:
        where: The contract, for errors.
        custom: Its custom properties by name.
        exported: Its columns that may leave.
        columns: All columns of its table.

    Raises:
        SpecError: A value is unknown, or names a column that does not leave.
    """
    rows = custom.get("exportRows", "daily")
    if rows not in _ROWS:
        raise SpecError(where, "exportRows is unknown", f"one of {', '.join(_ROWS)}")
    if rows == "once" and LISTED_UNTIL not in columns:
        # without it a row whose time is over would look like one that was cancelled
        raise SpecError(where, f"no column {LISTED_UNTIL}", "it in a list whose rows leave once")
    made_at = _local_time(where, custom, "madeAt", _NIGHT)
    cut_off = _local_time(where, custom, "cutOff", _END_OF_DAY)
    # the night has the whole day; a list that is made on its day cannot wait for the end of it
    if (made_at is None) is not (cut_off is None) or (made_at and cut_off and cut_off > made_at):
        raise SpecError(
            where,
            "madeAt and cutOff do not fit",
            f"{_NIGHT} and {_END_OF_DAY}, or two times in order",
        )
    return ListTerms(
        is_sent_once=rows == "once",
        aging_columns=_exported(where, custom, "agingColumns", exported),
        contact_columns=_exported(where, custom, "contactColumns", exported),
        made_at=made_at,
        cut_off=cut_off,
        criteria=_words(where, custom, "criteria"),
        suppressions=_words(where, custom, "suppressions"),
    )


def _local_time(where: str, custom: Mapping[str, Any], key: str, otherwise: str) -> time | None:
    value = custom.get(key, otherwise)
    if value == otherwise:
        return None
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007  a local time of any day
    except ValueError:
        raise SpecError(where, f"{key} is no time of day", f"'HH:MM' or {otherwise}") from None


def _words(where: str, custom: Mapping[str, Any], key: str) -> Mapping[str, str]:
    words = custom.get(key, {})
    if not isinstance(words, dict) or not all(isinstance(text, str) for text in words.values()):
        raise SpecError(where, f"{key} are no words by name", "{name: words}")
    return {str(name): text for name, text in words.items()}


def _exported(
    where: str, custom: Mapping[str, Any], key: str, exported: Collection[str]
) -> tuple[str, ...]:
    listed = custom.get(key, [])
    if not isinstance(listed, list) or not set(listed) <= set(exported):
        raise SpecError(where, f"{key} is no list of exported columns", "[first, second]")
    return tuple(listed)
