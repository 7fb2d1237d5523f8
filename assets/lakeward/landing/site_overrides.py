"""What a site sets of the seeds, compared with its interfaces; the checks are in `lake`."""

from lakeward.core.errors import SpecError
from lakeward.core.paths import Home
from lakeward.lake.seed_overrides import Override, overridable_seeds, read_overrides
from lakeward.landing.sources import Inventory


def site_overrides(home: Home, inventory: Inventory) -> tuple[Override, ...]:
    """Read and check what a home sets of the seeds.

    Raises:
        SpecError: A file or a row cannot be, or names an interface that the inventory does not; or
            a source has a feed that is not ranked.
    """
    overrides = read_overrides(home, [source.name for source in inventory.sources])
    if any(source.feed for source in inventory.sources):
        _check_feeds(inventory, overrides)
    return overrides


def _check_feeds(inventory: Inventory, overrides: tuple[Override, ...]) -> None:
    """Raise for a feed without a rank: what it states would count for nothing."""
    packaged = overridable_seeds()["authority"]
    ranked = {packaged.key(row) for row in packaged.rows}
    groups = {(of, element) for of, element, _ in ranked}
    for override in overrides:
        if override.seed == packaged.name:
            ranked |= {row[: len(packaged.grain)] for row in override.rows}
    for source in inventory.sources:
        for of, element in sorted(groups) if source.feed else ():
            if (of, element, source.feed) not in ranked:
                raise SpecError(
                    f"sources.yaml source {source.name}",
                    f"its feed is not ranked for {of} {element}",
                    "a row of seed authority for each group",
                    "add it to config/authority.csv",
                )
