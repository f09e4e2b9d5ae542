"""Training of one model by several processes on top of :mod:`torch.distributed`."""
