"""Joint layouts, one per file; ``register_layout(name)(layout)`` is the whole registration."""
