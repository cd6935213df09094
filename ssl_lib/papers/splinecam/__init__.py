"""SplineCam (arXiv 2302.12828): the exact partition of a network, and what it tells.

``settings``      what the chapter can be run with
``classifiers``   the networks on images, by name
``networks``      other networks, and training with snapshots on the way
``shapes``        regions, boundaries and points as one tidy table
``toy``           two moons and two circles while a network learns them
``interactive``   a small network to explore: point at a region, see its affine map
``growth``        regions of a random layer by width and input dimension
``exactness``     checks on every kind of layer
``training``      a classifier's partition while it trains
``augmentation``  what data augmentation does at test images
``boundaries``    decision boundaries: in training, and by architecture
``attacks``       adversarial examples and the distance to the boundary
``implicit``      a photograph and a surface as networks
``images``        data sets, or the first classes and images of them
``real``          the tables measured on CIFAR-10 and TinyImageNet, and ``publish`` writes them
``estimates``     what decides the claims
``figures``       the figures, each from one or two of these tables

The geometry itself is in :mod:`ssl_lib.geometry`.
"""

from ssl_lib.papers.splinecam.settings import Settings

__all__ = ["Settings"]
