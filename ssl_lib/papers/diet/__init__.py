"""DIET (arXiv 2302.10260): classify each image as itself, and throw the classifier away.

``settings``     what the chapter can be run with: runs on digits, worlds of latents, photographs
``experiments``  what a cell is and how one is computed: a row a number measured on an encoder
``training``     encoders of digits and shapes, trained by DIET and its rivals
``probing``      every number measured on one encoder
``latents``      clusters on a sphere, seen through an invertible network
``noise``        factors of growing noise and a narrow encoder
``exact``        streamed classes, and the spectral contrastive loss
``photographs``  encoders of photographs
``costs``        what their tables take
``measures``     tables to numbers
``comparisons``  DIET less what it is compared with, by images and labels
``observed``     what raw observations tell of latents, without an encoder
``figures``      numbers to pictures
``estimates``    what decides the claims
``own``          images of one's own

The method is in :mod:`ssl_lib.methods.diet`.
"""

from ssl_lib.papers.diet.experiments import Tables, load, on_photographs
from ssl_lib.papers.diet.settings import PANELS, RUNS, WORLDS, Settings

__all__ = ["PANELS", "RUNS", "WORLDS", "Settings", "Tables", "load", "on_photographs"]
