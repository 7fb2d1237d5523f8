"""Which interfaces exist, what arrived on them, and that each file is loaded exactly once."""
