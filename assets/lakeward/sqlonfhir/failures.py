"""Why a view could not be run, without the message of the database: that may quote a resource."""

from lakeward.core.errors import SpecError
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

_OURS = ("take the first()", "where one may be")
"""How the messages end that compiled views raise themselves, see `sql.only`: no value in them."""


def failure_of(view: ViewDefinition, error: Exception) -> SpecError:
    """Return the cause and remedy of an error of the database, free of values."""
    where = f"view {view.name}"
    said = str(error).split("Error: ", 1)[-1].split("\n", 1)[0]
    if said.startswith(where) and said.endswith(_OURS):
        part, _, what = said.partition(": ")
        return SpecError(part, what)
    return SpecError(
        where,
        f"cannot be run ({type(error).__name__})",
        "expressions that fit every resource of the type",
        "try it with `lakeward view run`",
    )
