"""ISSL, CISSL and DISSL (arXiv 2209.06235): which representations are ideal, and how to get near.

What the chapter shows, as functions that return tables from the results store:

``settings``     what the chapter can be run with, and the recipe of each profile
``images``       digits and pictures, to train on and to test
``theory``       E1 to E3: separable groupings, worst binary tasks, head against probe family
``exact``        the loss with known equivalence classes that E2 and E3 train with
``pretraining``  CISSL, DISSL and their rivals, trained and probed
``experiments``  which runs each figure needs
``real``         the dimension sweep on real images, committed where this run trained digits
``publish``      measures and commits that table
``summary``      means and intervals over seeds
``paper``        numbers of the paper's repository, for comparison
``own``          measuring an encoder of one's own
``estimates``    what decides the claims
``figures``      the figures, each from one or two of these tables

The measures are in :mod:`ssl_lib.evaluation.ideal`, the counts in
:mod:`ssl_lib.theory.separability`.
"""

from ssl_lib.papers.issl.settings import Settings

__all__ = ["Settings"]
