"""Generated data sets, one generator per file."""
