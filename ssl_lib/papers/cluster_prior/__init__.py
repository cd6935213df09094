"""The hidden uniform cluster prior in self-supervised learning, and PMSN (arXiv 2210.07277).

``settings``     what the chapter can be run with: runs on digits, methods, laws of photographs
``experiments``  what a cell is and how one is computed
``losses``       every loss where images lie on points, by the shares of the points
``identities``   what K-means presupposes, in numbers
``mixtures``     K-means and Gaussian mixtures where clusters differ in size
``tails``        digits whose classes have a long tail
``prototypes``   prototypes alone, on features that stay as they are
``factors``      images of an even and a rare glyph: which do prototypes follow?
``training``     small encoders trained by steps
``batches``      batches of few classes
``encoders``     encoders of long-tailed digits under priors and remedies
``galleries``    which images a prototype stands for, and how often each is used
``photographs``  encoders of long-tailed photographs; digits over photographs
``measures``     tables to numbers
``information``  what prototypes tell of a factor, as a share of its own entropy
``comparisons``  where the rule names a winner, and whether it won
``figures``      numbers to pictures
``estimates``    what decides the claims
``own``          which prior suits features of one's own

The methods are in :mod:`ssl_lib.methods.msn` and :mod:`ssl_lib.methods.pmsn`.
"""

from ssl_lib.papers.cluster_prior.experiments import Tables, load, on_photographs
from ssl_lib.papers.cluster_prior.settings import BATCHES, GALLERIES, PANELS, RUNS, Settings

__all__ = ["BATCHES", "GALLERIES", "PANELS", "RUNS", "Settings", "Tables", "load", "on_photographs"]
