"""Closed forms and exact computations behind the chapters."""
