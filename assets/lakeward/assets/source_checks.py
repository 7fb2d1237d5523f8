"""The check `brought_up_to_date`: whether a step passed for every source and every flat table.

It does not block. What failed is on record in `source_failure`, and everything that does not stand
on it goes out; the night ends with the exit code of a failed step all the same.
"""

from collections.abc import Sequence

import dagster as dg

from lakeward.landing.source_failures import SourceFailure

UP_TO_DATE = "brought_up_to_date"
_SHOWN = 5
"""How many failures a check names; the table `source_failure` has all."""


def up_to_date_check(key: dg.AssetKey, about: str) -> dg.AssetCheckSpec:
    """Declare the check for an asset of the step."""
    return dg.AssetCheckSpec(UP_TO_DATE, asset=key, description=about)


def up_to_date(key: dg.AssetKey, failures: Sequence[SourceFailure]) -> dg.AssetCheckResult:
    """Report what failed in the step; nothing when all passed."""
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    named = "; ".join(map(str, failures[:_SHOWN])) + more
    return dg.AssetCheckResult(
        check_name=UP_TO_DATE,
        asset_key=key,
        passed=not failures,
        severity=dg.AssetCheckSeverity.ERROR,
        description=named or None,
        metadata={"failures": len(failures)},
    )
