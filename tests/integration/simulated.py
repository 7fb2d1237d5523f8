"""The days that the small synthetic hospital of these tests and others deliver."""

from datetime import date

START = date(2026, 1, 5)
DAYS = 2
FOREIGN_DAY = date(2024, 1, 15)
