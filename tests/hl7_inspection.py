"""Describes a whole HL7 v2 file, as `lakeward hl7 inspect --json` prints it line by line."""

from pathlib import Path
from typing import Any

from lakeward.hl7v2.inspect import open_inspection
from lakeward.landing.sources import Source


def inspect_file(path: Path, source: Source) -> dict[str, Any]:
    """Describe a file: head, messages, then counts, which are complete once messages were read."""
    inspection = open_inspection(path, source)
    messages = list(inspection.messages())
    return {**inspection.head(), "messages": messages, "counts": inspection.counts()}
