"""Self-supervised methods: one file each, a small module that owns its heads and loss."""

from ssl_lib.methods.barlow_twins import BarlowTwins, barlow_twins_loss, cross_correlation
from ssl_lib.methods.base import Method, Output, TeacherMethod, ViewBatch
from ssl_lib.methods.build import METHODS, build_method, method_class, method_options
from ssl_lib.methods.byol import BYOL, byol_loss
from ssl_lib.methods.cissl import CISSL, cissl_loss
from ssl_lib.methods.collapse import (
    collapse_alarms,
    distinct_prototypes,
    merged_usage,
    prototype_logs,
)
from ssl_lib.methods.diet import DIET, diet_floor, diet_loss, sampled_diet_loss
from ssl_lib.methods.dino import DINO, dino_loss
from ssl_lib.methods.dissl import DISSL, dissl_loss, dissl_terms
from ssl_lib.methods.ema import ema_momentum, ema_update
from ssl_lib.methods.entropy import batch_entropy, logdet_entropy, pairwise_entropy
from ssl_lib.methods.gather import gather
from ssl_lib.methods.msn import MSN, msn_loss, msn_targets
from ssl_lib.methods.online import OnlineProbe
from ssl_lib.methods.pmsn import PMSN, pmsn_loss
from ssl_lib.methods.prior import align_prior, power_law_prior, prior_divergence, uniform_prior
from ssl_lib.methods.sigreg import (
    SIGReg,
    epps_pulley,
    random_directions,
    sigreg_loss,
    sigreg_terms,
)
from ssl_lib.methods.simclr import SimCLR, cosine_temperature, simclr_loss
from ssl_lib.methods.sinkhorn import sinkhorn
from ssl_lib.methods.spectral import Spectral, spectral_loss
from ssl_lib.methods.supervised import Supervised, supervised_loss
from ssl_lib.methods.swav import SwAV, swav_loss
from ssl_lib.methods.vicreg import VICReg, vicreg_loss, vicreg_terms
from ssl_lib.methods.vicreg_info import VICRegInfo, vicreg_info_loss

__all__ = [
    "BYOL",
    "CISSL",
    "DIET",
    "DINO",
    "DISSL",
    "METHODS",
    "MSN",
    "PMSN",
    "BarlowTwins",
    "Method",
    "OnlineProbe",
    "Output",
    "SIGReg",
    "SimCLR",
    "Spectral",
    "Supervised",
    "SwAV",
    "TeacherMethod",
    "VICReg",
    "VICRegInfo",
    "ViewBatch",
    "align_prior",
    "barlow_twins_loss",
    "batch_entropy",
    "build_method",
    "byol_loss",
    "cissl_loss",
    "collapse_alarms",
    "cosine_temperature",
    "cross_correlation",
    "diet_floor",
    "diet_loss",
    "dino_loss",
    "dissl_loss",
    "dissl_terms",
    "distinct_prototypes",
    "ema_momentum",
    "ema_update",
    "epps_pulley",
    "gather",
    "logdet_entropy",
    "merged_usage",
    "method_class",
    "method_options",
    "msn_loss",
    "msn_targets",
    "pairwise_entropy",
    "pmsn_loss",
    "power_law_prior",
    "prior_divergence",
    "prototype_logs",
    "random_directions",
    "sampled_diet_loss",
    "sigreg_loss",
    "sigreg_terms",
    "simclr_loss",
    "sinkhorn",
    "spectral_loss",
    "supervised_loss",
    "swav_loss",
    "uniform_prior",
    "vicreg_info_loss",
    "vicreg_loss",
    "vicreg_terms",
]
