"""What a trained model can do, and where it fails: probes, ranks, factors of variation, groups."""
