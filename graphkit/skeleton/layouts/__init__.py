"""Joint layouts, one per file, registered by ``register_layout(name)``."""
