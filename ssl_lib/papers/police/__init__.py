"""POLICE (arXiv 2211.01340): networks that are exactly affine on a chosen region.

What the chapter shows, as functions of a few stored tables:

``settings``     what the chapter can be run with
``recipes``      which networks each profile trains, and how
``experiments``  what a cell is and how one is computed; the tables of a run
``problems``     the regions, targets and points of the paper's figures
``training``     networks with and without constraint, and the trained ones that are drawn
``affinity``     how far networks are from affine on a region
``timing``       what the constraint costs in time
``measures``     every number measured on a trained network
``own``          the same comparison on a network of one's own, and on several kinds
``estimates``    what decides the claims
``figures``      the figures

The constraint itself is :func:`ssl_lib.geometry.constrain`.
"""

from ssl_lib.papers.police.experiments import Tables, load
from ssl_lib.papers.police.settings import Settings

__all__ = ["Settings", "Tables", "load"]
