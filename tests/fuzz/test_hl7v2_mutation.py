"""Mutated files: a few on every run; the long run is `fuzz_hl7v2.py`, see its first lines."""

import random
from dataclasses import replace

import fuzz_hl7v2 as fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeward.core.paths import Home
from lakeward.hl7v2.framing import batch
from lakeward.landing.sources import load_inventory

SEEDS = fuzz.seeds()
SETTINGS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def source(tmp_path):
    return load_inventory(Home(tmp_path)).source("adt_hl7")


@SETTINGS
@given(
    content=st.sampled_from([seed for seed in SEEDS if len(seed) < 4000]),
    edits=st.lists(
        st.tuples(
            st.integers(0, 4000),
            st.integers(0, 40),
            st.one_of(st.sampled_from(fuzz.TOKENS), st.binary(max_size=6)),
        ),
        max_size=8,
    ),
)
def test_no_edit_crashes_or_loses_a_message(tmp_path, source, content, edits):
    for at, length, put in edits:
        content = content[:at] + put + content[at + length :]
    path = tmp_path / "mutated.hl7"
    path.write_bytes(content)
    fuzz.check(path, source)


def test_a_chunk_of_the_long_run_has_no_fault():
    files, records, rejected, faults = fuzz.run_chunk(0, 60, seed=7)
    assert faults == []
    assert files == 60
    assert 0 < rejected < records


def test_a_file_is_made_of_its_number_alone():
    assert fuzz.make(12, 1, SEEDS) == fuzz.make(12, 1, SEEDS) != fuzz.make(13, 1, SEEDS)


@pytest.mark.parametrize("mutation", set(fuzz.MUTATIONS), ids=lambda m: m.__name__)
def test_each_mutation_changes_files(mutation):
    changed = [mutation(s, random.Random(n), SEEDS) != s for n, s in enumerate(SEEDS)]
    assert sum(changed) > len(SEEDS) / 3


def test_the_check_sees_a_lost_message(tmp_path, source, monkeypatch):
    path = tmp_path / "two.hl7"
    path.write_bytes((fuzz.CORPUS / "framing-lf.hl7").read_bytes())
    fuzz.check(path, source)
    scan = batch.scan

    def lose_the_last(of):
        layout = scan(of)
        kept = slice(0, layout.found - 1)
        return replace(layout, starts=layout.starts[kept], ends=layout.ends[kept])

    monkeypatch.setattr(fuzz, "scan", lose_the_last)
    with pytest.raises(AssertionError):
        fuzz.check(path, source)
