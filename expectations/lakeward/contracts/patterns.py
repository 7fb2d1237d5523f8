"""Regular expressions that a contract may use: those that RE2, the engine that runs them, knows."""

import re

from lakeward.core.errors import SpecError

_NOT_RE2 = re.compile(r"\(\?(=|!|<=|<!)|\\[1-9]")


def checked_pattern(where: str, pattern: object) -> str:
    """Refuse what is no regular expression or what RE2 lacks."""
    if not isinstance(pattern, str) or _NOT_RE2.search(pattern):
        raise SpecError(
            where, "the pattern cannot run", "RE2 syntax: no look-around, no back-reference"
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise SpecError(where, f"the pattern is wrong: {error.msg}", "RE2 syntax") from None
    return pattern
