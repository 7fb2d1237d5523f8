"""From the text of messages to columns, by the segment specs in `specs/*.yaml`."""
