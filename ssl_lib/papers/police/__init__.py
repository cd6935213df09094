"""POLICE (arXiv 2211.01340): networks that are exactly affine on a chosen region.

What the chapter shows, as functions of a few stored tables:

``settings``   what the chapter can be run with
``problems``   the regions, targets and points of the paper's figures
``training``   networks with and without constraint, as tables of weights
``affinity``   how far networks are from affine on a region
``measures``   errors, exact partitions and boundaries of trained networks
``timing``     what the constraint costs in time
``tables``     all measured tables of a run, from the store
``estimates``  what decides the claims
``figures``    the figures

The constraint itself is :func:`ssl_lib.geometry.constrain`.
"""

from ssl_lib.papers.police.settings import Settings
from ssl_lib.papers.police.tables import Tables

__all__ = ["Settings", "Tables"]
