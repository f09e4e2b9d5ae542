"""Readers of recordings, one format per file; each yields :class:`~graphkit.skeleton.Clip`."""
