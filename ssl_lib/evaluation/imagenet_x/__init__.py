"""ImageNet-X: which factors of variation a model's mistakes go with (arXiv 2211.01866)."""
