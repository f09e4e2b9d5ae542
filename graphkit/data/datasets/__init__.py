"""Named public data sets, one source or family per file."""
