"""Which bytes of a file are which message: framing, batch envelopes, character sets.

No field of a message is interpreted here beyond its header segments.
"""
