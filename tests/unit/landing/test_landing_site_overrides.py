"""What a site sets is compared with its interfaces: a feed without a rank counts for nothing."""

import csv
from io import StringIO

import pytest

from lakeward.core.errors import SpecError
from lakeward.core.settings import Settings
from lakeward.lake.seed_overrides import overridable_seeds
from lakeward.landing.site_overrides import site_overrides
from lakeward.landing.sources import load_inventory

SOURCE = """
facility: {id: H1, name: Elsewhere, time_zone: Europe/Berlin}
sources:
  - {name: far_fhir, format: FORMAT, system: s, transport: t, owner: team:x, purpose: p,
     time_zone: Europe/Berlin, expected_volume: {maximum: 1}, end_of_support: 2029-12-31,
     feed: FEED}
"""


def _home(settings: Settings, feed: str, kind: str = "fhir") -> Settings:
    settings.home.root.mkdir(parents=True)
    text = SOURCE.replace("FORMAT", kind).replace("FEED", feed)
    (settings.home.root / "sources.yaml").write_text(text)
    return settings


def _ranked(settings: Settings, feed: str, groups: int) -> None:
    """Rank a feed in the first groups of the seed, behind all others."""
    seed = overridable_seeds()["authority"]
    found = sorted({(row["object"], row["element"]) for row in seed.rows})
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(seed.columns)
    writer.writerows([*group, feed, 9, "recency", "local", "ours"] for group in found[:groups])
    settings.home.config.mkdir(exist_ok=True)
    (settings.home.config / "authority.csv").write_text(text.getvalue())


def test_a_portal_is_ranked_as_packaged(settings: Settings) -> None:
    home = _home(settings, "portal").home
    assert site_overrides(home, load_inventory(home)) == ()


def test_a_feed_of_a_site_is_ranked_in_every_group(settings: Settings) -> None:
    home = _home(settings, "second_ehr").home
    groups = len({(r["object"], r["element"]) for r in overridable_seeds()["authority"].rows})
    for ranked in (0, groups - 1):
        _ranked(settings, "second_ehr", ranked)
        with pytest.raises(SpecError, match="source far_fhir: its feed is not ranked"):
            site_overrides(home, load_inventory(home))
    _ranked(settings, "second_ehr", groups)
    assert [override.seed for override in site_overrides(home, load_inventory(home))] == [
        "authority"
    ]


def test_messages_are_ranked_by_their_family(settings: Settings) -> None:
    home = _home(settings, "portal", "hl7v2").home
    with pytest.raises(SpecError, match="`feed` is for format fhir"):
        load_inventory(home)
