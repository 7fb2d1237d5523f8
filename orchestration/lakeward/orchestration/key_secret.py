"""Whether the keys of a home are made with the secret that everybody knows.

How keys are made from it is in `lake.dbt_plugin`; where it is set, in `core.settings`.
"""

from lakeward.core.errors import UsageError
from lakeward.core.settings import DEMO_SECRET, Settings
from lakeward.landing.sources import load_inventory


def exposed_keys(settings: Settings) -> UsageError | None:
    """Return what is wrong when keys of other sources than the demo's are made with its secret.

    Raises:
        SpecError: `sources.yaml` of the home cannot be read.
    """
    if settings.key_secret != DEMO_SECRET or load_inventory(settings.home).is_of_demo():
        return None
    return UsageError(
        "LAKEWARD_KEY_SECRET",
        "the public demo secret, with sources that are not the demo's: whoever knows it can test"
        " guesses of identifiers against the keys",
        "a secret of this deployment",
        "set LAKEWARD_KEY_SECRET before the first run; changing it later changes every key",
    )
