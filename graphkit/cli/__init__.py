"""Command line interface, with one command per file."""
