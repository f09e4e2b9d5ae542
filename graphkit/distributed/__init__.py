"""Distributed data-parallel training on top of :mod:`torch.distributed`."""
