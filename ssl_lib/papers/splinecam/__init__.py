"""SplineCam (arXiv 2302.12828): the exact partition of a network, and what it tells.

``settings``     what the chapter can be run with
``recipes``      what each profile makes of it: data, networks, sizes
``experiments``  what a cell is and how its rows are compared; the tables of a run
``measures``     tables -> numbers
``figures``      numbers -> pictures
``estimates``    what decides the claims
``own``          regions, boundary and affine maps of a reader's network

What the experiments compute, and with what:

``toy``          two moons, two circles and a pinwheel, while a network learns them
``exactness``    checks on every kind of network
``growth``       regions of a random layer by width and input dimension
``training``     a classifier's partition while it trains, and what augmentation does
``boundaries``   decision boundaries: in training, by architecture, and points on them
``attacks``      adversarial examples and the distance to the boundary
``implicit``     a photograph and a surface as networks
``classifiers``  the networks on images, and their training
``networks``     networks of coordinates, and their training
``images``       parts of data sets, and planes through images
``shapes``       regions, boundaries and points as one tidy table

The geometry itself is in :mod:`ssl_lib.geometry`.
"""

from ssl_lib.papers.splinecam.experiments import load, on_photographs
from ssl_lib.papers.splinecam.settings import Settings

__all__ = ["Settings", "load", "on_photographs"]
