"""The SSL interplay (arXiv 2302.02774): augmentations, inductive bias, generalization.

What the chapter shows, as functions of a few stored tables and of exact spectra:

``settings``       what the chapter can be run with
``recipes``        what each profile computes
``experiments``    what a cell is and how one is computed; the tables of a run
``identities``     what is exact: one loss under two names, and its minimum by eigenvalues
``cube``           bit strings and crops, whose operators are known
``sphere``         the sphere with cyclic shifts
``moons``          half-moons: eigenfunctions, sample sizes, capacity
``networks``       the networks of the released figures
``dynamics``       networks beside the spectrum's forecast, mode by mode
``reconstruction`` joint embedding beside a denoising auto-encoder
``measures``       tables -> numbers
``estimates``      what decides the claims
``figures``        the figures
``own``            the same on data of one's own

The closed forms themselves are :mod:`ssl_lib.theory`.
"""

from ssl_lib.papers.ssl_interplay.experiments import Tables, load
from ssl_lib.papers.ssl_interplay.settings import Settings

__all__ = ["Settings", "Tables", "load"]
