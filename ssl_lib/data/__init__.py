"""Data sets, batched views and long tails."""
