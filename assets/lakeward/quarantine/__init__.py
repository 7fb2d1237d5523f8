"""Records that could not be loaded: kept with their bytes, their position and the reason."""
