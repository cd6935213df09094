"""The chapter's figures: each takes tables and returns a figure."""
