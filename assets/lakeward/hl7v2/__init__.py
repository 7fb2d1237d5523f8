"""HL7 v2 files to raw messages to one flat table a segment.

`batch` finds messages in bytes, `messages` judges and decodes them, `parse` turns them into columns
by the specs in `specs/*.yaml`, `ingest` writes tables. What a trigger means is not known here.
"""
