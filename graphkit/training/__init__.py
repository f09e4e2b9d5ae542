"""Training of one model on one split: trainer, loop, loss, early stopping and checkpoints."""
