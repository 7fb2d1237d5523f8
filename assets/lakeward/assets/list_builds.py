"""dbt's build of the lists of one run: made once, by the list whose step comes first.

A list is a worklist or a metric: a release unit on top of the canonical store. Which lists there
are, and what becomes of them, is in `units`.
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from lakeward.assets.home import BusinessDay
from lakeward.core.settings import Settings
from lakeward.lake.dbt import build


class ListBuilds:
    """What dbt built of the lists of one run; Dagster makes one such object for each run.

    Starting dbt takes longer than building a list, so the first step builds those of all steps.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] | None = None

    def build_once(
        self, settings: Settings, models: Sequence[str], today: BusinessDay
    ) -> Mapping[str, float]:
        """Build models, each whatever becomes of the others, unless this run has done so.

        Returns:
            Seconds by model, of those that were built.
        """
        if self._seconds is None:
            # `keep_going`: one wrong list must not keep the others back
            built = build(settings, models, today.variables, keep_going=True)
            self._seconds = {model.model: model.seconds for model in built}
        return self._seconds


def list_builds() -> dg.ResourceDefinition:
    """Make the resource `lists`."""
    return dg.ResourceDefinition(
        lambda _: ListBuilds(), description="What dbt built of the lists of this run."
    )
