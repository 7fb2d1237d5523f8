"""A synthetic hospital: one seeded event stream, written as FHIR, as HL7 v2 and as truth.

`simulate` is the only function that other packages need. Nothing here reads the wall clock or
makes a random identifier: the same arguments give byte-identical files.
"""

from lakeward.simulator.run import SimulationSummary, simulate

__all__ = ["SimulationSummary", "simulate"]
