"""Situations of real HL7 v2 feeds come out as a scheduler would rely on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from checking import check
from situations import Situation, situations

NAME = "hl7v2"


@pytest.mark.parametrize("situation", situations(NAME), ids=lambda s: s.id)
def test_the_situation_comes_out_right(
    situation: Situation, group_of: Callable, tmp_path: Path
) -> None:
    check(NAME, situation, group_of, tmp_path)
