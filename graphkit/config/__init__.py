"""Configurations as layers of YAML and ``key=value``, and the recipes."""
