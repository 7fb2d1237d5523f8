from datetime import date

from lakeward.lake.tables import Lake
from lakeward.quarantine.withheld import Withheld, readmit, withheld, withhold

DAY = date(2026, 1, 5)
ONE = Withheld("adt_hl7", "adt_hl7/2026-01-05/adt.hl7#1", "canonical__patient.birth_date.range")
TWO = Withheld("adt_hl7", "adt_hl7/2026-01-05/adt.hl7#2", "canonical__patient.birth_date.range")


def test_a_record_is_withheld_once_whatever_it_breaks(lake: Lake) -> None:
    assert withheld(lake) == []
    again = Withheld(ONE.source, ONE.source_ref, "canonical__visit.visit_key.required")
    assert withhold(lake, [ONE, again], DAY, "run") == 1
    assert withhold(lake, [ONE, TWO], DAY, "run") == 1
    assert withheld(lake) == [ONE, TWO]


def test_a_readmitted_record_is_withheld_no_more(lake: Lake) -> None:
    withhold(lake, [ONE, TWO], DAY, "run")
    assert readmit(lake, ONE.source_ref) == 1
    assert readmit(lake, ONE.source_ref) == 0
    assert withheld(lake) == [TWO]
