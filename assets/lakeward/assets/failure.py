"""How a step fails: one line of cause and one of remedy, and never a value of a record.

The only place that turns exceptions into `dg.Failure`. Dagster stores and shows the text of an
exception; that of a database can quote a name or a birth date.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from lakeward.core.errors import DamagedError, DiskError, RetryableError
from lakeward.lake.causes import cause_of

CAUSE = "cause"
"""Metadata of a failure: its kind, as `worklists.day_release.Cause` names them."""

Parameters = ParamSpec("Parameters")
Event = TypeVar("Event")


def without_record_values(
    body: Callable[Parameters, Iterator[Event]],
) -> Callable[Parameters, Iterator[Event]]:
    """Let only texts of our own leave an asset's body; of other errors, kind and place."""

    @wraps(body)
    def _body(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Iterator[Event]:
        try:
            yield from body(*args, **kwargs)
        except dg.Failure:
            raise
        except Exception as error:
            # `from None`: Dagster would store the text of the chained exception as well
            raise failure_of(error) from None

    return _body


def failure_of(error: Exception) -> dg.Failure:
    """Return the failure to raise for an error: its cause in words, and of which kind it is."""
    cause = cause_of(error)
    kinds: dict[type, str] = {DamagedError: "file", DiskError: "disk"}
    return dg.Failure(
        description=str(cause),
        # what the page of a failed run shows; an empty remedy would only look like one
        metadata={
            CAUSE: kinds.get(type(cause), "step"),
            "where": cause.where,
            "remedy": cause.remedy or "see the run",
        },
        allow_retries=isinstance(cause, RetryableError),
    )
