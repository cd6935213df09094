"""Closed forms and exact computations behind the chapters."""

from ssl_lib.theory.diffusion import DiffusionMap
from ssl_lib.theory.dirichlet import KernelDirichlet
from ssl_lib.theory.kernels import Gaussian, Laplace
from ssl_lib.theory.moons import half_moons
from ssl_lib.theory.noise import Noise
from ssl_lib.theory.ssl import KernelSSL, LinearSSL
