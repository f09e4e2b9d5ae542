"""Training of a model on a split: trainer, loss, early stopping and checkpoints."""
