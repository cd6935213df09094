"""ISSL, CISSL and DISSL (arXiv 2209.06235): which representations are ideal, and how to get near.

What the chapter shows, from tables whose cells are trained encoders:

``settings``     what the chapter can be run with
``recipes``      how each profile trains and probes
``variants``     the methods with their heads, and what stands beside them
``images``       digits and pictures, to train on and to test
``theory``       E1 to E3: separable groupings, and digits with known classes
``exact``        the loss with known equivalence classes that E2 and E3 train with
``training``     what a cell names, trained
``probes``       probes of frozen representations
``experiments``  what a cell is and how one is computed; the tables of a run
``measures``     tables to numbers: means, intervals, gains
``paper``        numbers of the paper's repository, for comparison
``estimates``    what decides the claims
``figures``      the figures, each from one or two of these tables
``own``          measuring an encoder of one's own

The measures of an encoder are in :mod:`ssl_lib.evaluation.ideal`, the counts in
:mod:`ssl_lib.theory.separability`.
"""

from ssl_lib.papers.issl.settings import Settings

__all__ = ["Settings"]
