"""How Lakeward runs: definitions, jobs, schedule, sensors and the command line."""
