"""Readers of skeleton recordings, one format per file."""
