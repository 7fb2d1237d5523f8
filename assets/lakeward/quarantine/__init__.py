"""Records that could not be loaded: kept with their bytes, their place and the reason."""
