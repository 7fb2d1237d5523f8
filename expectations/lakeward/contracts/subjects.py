"""What sources bring and lists stand on: subjects, and what a list needs of each.

A contract names subjects and never sources, since which sources there are is a deployment's own:
`landing.sources` says which subjects a source provides. What follows for a list of a day is in
`worklists.freshness`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

Subject = Literal[
    "patients",
    "consents",
    "appointments",
    "availability",
    "encounters",
    "beds",
    "orders",
    "referrals",
    "tasks",
]
"""Kinds of things that the canonical store is about."""

SUBJECTS: tuple[Subject, ...] = get_args(Subject)

Completeness = Literal["mark", "block"]
"""What an incomplete delivery does to a list: it goes out marked, or it counts as stale."""


@dataclass(frozen=True)
class SubjectNeed:
    """What a list needs of one subject.

    Attributes:
        subject: What the list stands on.
        latency: How far behind its delivery a source of the subject may be.
        completeness: What a delivery with far fewer records than usual, with rejected files or
            after a missing one does.
    """

    subject: Subject
    latency: timedelta
    completeness: Completeness


def all_subjects() -> Sequence[SubjectNeed]:
    """Return the needs of a contract that names none: everything, without any delay."""
    return [SubjectNeed(subject, timedelta(0), "mark") for subject in SUBJECTS]
