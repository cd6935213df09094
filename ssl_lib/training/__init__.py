"""Pretraining: one loop for all methods, many models at once, checkpoints, several processes."""
