"""Why something failed, in words that hold no value of a record.

The text of an exception of a database or a parser can quote a name or a birth date; it is reduced
to its kind and to the place in our code. What follows from a failure is not known here.
"""

import traceback

from lakeward.core.errors import LakewardError, PermanentError
from lakeward.core.files import shown
from lakeward.lake.data_files import damage_in
from lakeward.lake.disk import full_disk


def cause_of(error: BaseException) -> LakewardError:
    """Return an error of ours as it is; of any other, kind and place."""
    # first: an error of ours can be caused by it, and a full disk is what people can mend
    if full := full_disk(error):
        return full
    if isinstance(error, LakewardError):
        return error
    if damage := damage_in(str(error)):
        return damage
    if isinstance(error, OSError) and error.strerror:
        # of the operating system: it speaks of files, never of what is in them
        where = shown(str(error.filename)) if error.filename else _place(error)
        return PermanentError(
            where,
            error.strerror.lower(),
            "a file or folder that can be read and a disk with room",
            "check permissions and free space, then run the day again",
        )
    return PermanentError(
        _place(error),
        type(error).__name__,
        "no error",
        "run `lakeward doctor`, then the step again",
    )


def _place(error: BaseException) -> str:
    # the line of ours that came last: the frames below it are a library's
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "lakeward" in f.filename]
    return f"{ours[-1].name}, line {ours[-1].lineno}" if ours else "a library"
