"""How a step fails: one line of cause and one of remedy, and never a value of a record.

The only place that turns exceptions into `dg.Failure`. Dagster stores and shows the text of an
exception; that of a database can quote a name or a birth date.
"""

import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from lakeward.core.errors import LakewardError, RetryableError

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
        except LakewardError as error:
            retry = isinstance(error, RetryableError)
            # `from None`: Dagster would store the text of the chained exception as well
            raise dg.Failure(description=str(error), allow_retries=retry) from None
        except Exception as error:
            raise dg.Failure(description=_kind_and_place(error), allow_retries=False) from None

    return _body


def _kind_and_place(error: Exception) -> str:
    # the line of ours that came last: the frames below it are a library's
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "lakeward" in f.filename]
    place = f"{ours[-1].name}, line {ours[-1].lineno}" if ours else "a library"
    return (
        f"{place}: {type(error).__name__}; expected no error;"
        " run `lakeward doctor`, then the step again"
    )
