"""Data sets, batched views and long tails.

>>> from ssl_lib import data
>>> data.load("digits")
ImageData('digits/train', 1,297 images of 1 x 8 x 8, 10 classes, cpu)
"""

from ssl_lib.data.images import Batch, ImageData, fingerprint
from ssl_lib.data.loading import NAMES, load
from ssl_lib.data.normalise import STATISTICS, Statistics, normalise, normaliser, statistics
from ssl_lib.data.subsets import (
    class_poor_batches,
    long_tail,
    long_tail_counts,
    stratified_fraction,
    stratified_split,
)

__all__ = [
    "NAMES",
    "STATISTICS",
    "Batch",
    "ImageData",
    "Statistics",
    "class_poor_batches",
    "fingerprint",
    "load",
    "long_tail",
    "long_tail_counts",
    "normalise",
    "normaliser",
    "statistics",
    "stratified_fraction",
    "stratified_split",
]
