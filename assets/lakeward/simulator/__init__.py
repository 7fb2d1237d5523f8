"""A synthetic hospital: one seeded event stream, written as FHIR, as HL7 v2 and as ground truth.

    people, clinic, emergency, ward, referrals, orders, facts   why something happens, and when
            |  story.emit(Event)
    event_fold, booking_fold, service_fold, fact_fold           what it changes in the records
            |  each listener sees the world right after the event
    hl7_writer   fhir_writer   ground_truth                     how the outside world hears of it

`feed_habits` holds switches of how a feed writes; with any of them the ground truth is the same.
`simulate` is the only function that other packages need. Nothing here reads the wall clock or
makes a random identifier: the same arguments give byte-identical files.

Realistic on purpose: what makes such data hard. Two formats that state the same at different times,
appointments that move, a patient registered twice and merged, messages sent twice, a field cleared
by `""`, names with accents and apostrophes, a clock change, beds that are cleaned. Simplified: one
facility, one time zone, no clinical content beyond codes, no message that breaks the standard
(tests/golden/hl7v2/hostile has those), and rates that are plausible rather than measured.
"""

from lakeward.simulator.feed_habits import FeedHabits
from lakeward.simulator.simulation import SimulationSummary, simulate

__all__ = ["FeedHabits", "SimulationSummary", "simulate"]
