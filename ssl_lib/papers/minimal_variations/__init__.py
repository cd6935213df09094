"""On minimal variations (arXiv 2211.03782): functions that vary least where the data are dense.

What the chapter shows, as functions of a few stored tables:

``settings``     what the chapter can be run with, and how large each profile is
``variants``     the methods that are compared
``tasks``        targets on the half-moons, along the moons and across them
``probes``       reading a task out with few labels
``moons``        methods, noise, density and bounds on half-moons
``exact``        estimates beside exact spectra, on the circle and for N(0, 1)
``networks``     networks trained with losses of self-supervised learning
``pairs``        pairs that agree with the task, and pairs that do not
``images``       variation in all directions and along translations
``promise``      the bound on what functions miss, measured with labels on images
``controls``     what some claims are held against, computed where the page runs
``experiments``  what a cell is; the tables of a run
``measures``     tables to numbers
``figures``      the figures
``estimates``    what decides the claims
``own``          the same on features of one's own

The estimators themselves are in :mod:`ssl_lib.theory`.
"""

from ssl_lib.papers.minimal_variations.experiments import load, photographs
from ssl_lib.papers.minimal_variations.settings import Settings

__all__ = ["Settings", "load", "photographs"]
