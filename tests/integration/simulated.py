"""The days that the small synthetic hospital of these tests delivers."""

from datetime import date

START = date(2026, 1, 5)
DAYS = 2
