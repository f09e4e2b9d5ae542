"""Layers of configurations, from YAML and ``key=value``, and recipes."""
