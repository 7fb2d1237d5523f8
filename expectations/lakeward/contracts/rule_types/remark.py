"""A promise in words: shown on reports, never measured."""

from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType


def _read(where: str, place: QualityPlace, arguments: Arguments) -> None:
    """Return no check: nothing is measured."""


RULE_TYPE = RuleType("remark", quality=QualityForm(_read, type="text", on_column=False))
