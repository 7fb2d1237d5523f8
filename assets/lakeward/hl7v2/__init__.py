"""HL7 v2 in: files to messages, messages to one flat table a segment.

`framing` finds messages in bytes, `parsing` turns them into columns, `raw` stores each once, `flat`
fills the tables. What a trigger means is not known here: that is dbt's `trigger_event` seed.
"""
