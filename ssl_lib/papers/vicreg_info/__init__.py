"""VICReg from information theory (arXiv 2303.00633).

``settings``     what the chapter can be run with: losses, the ladder, sizes
``experiments``  what a cell is and how one is computed; the tables of a run
``training``     encoders of digits and looks at them on the way
``encoders``     losses at default settings: looked at, probed, tested
``ladder``       losses tuned, judged on other digits, with small batches
``brackets``     entropies and their bounds along training
``normality``    outputs around an image with noise, and pooled over images
``regions``      the linear region around an image, in a plane
``distances``    distances between images in pixels
``moons``        mixtures on two moons whose points may move
``bounds``       terms of the generalisation bound
``photographs``  the ladder on photographs
``measures``     tables to numbers
``figures``      numbers to pictures
``estimates``    what decides the claims
``own``          an encoder of one's own

Losses are in :mod:`ssl_lib.methods`, entropies, normality and the bound in
:mod:`ssl_lib.evaluation`.
"""

from ssl_lib.papers.vicreg_info.experiments import Tables, load, on_photographs, pictures
from ssl_lib.papers.vicreg_info.settings import LADDER, LOSSES, Settings

__all__ = ["LADDER", "LOSSES", "Settings", "Tables", "load", "on_photographs", "pictures"]
