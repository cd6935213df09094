"""A small vision transformer that can drop patches."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.models.heads import truncated_normal_weights


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.out(y.transpose(1, 2).reshape(n, tokens, dim)))


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = int(dim * mlp_ratio)
        self.norm1, self.attention = nn.LayerNorm(dim), _Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return cast(Tensor, x + self.mlp(self.norm2(x)))


class ViT(nn.Module):
    """Pre-norm vision transformer; the output is the normalised class token.

    Parameters
    ----------
    in_channels, image_size : int
        The images' channels and usual size. Other sizes (focal crops) work too when they are
        multiples of `patch_size`: the position embedding is then interpolated.
    patch_size : int, optional
        Side of a patch; by default an eighth of `image_size` (a quarter below 16 pixels).
    dim, depth, heads : int
        Width, number of blocks, attention heads.
    mlp_ratio : float
        Hidden width of the blocks' MLP over `dim`.

    Examples
    --------
    >>> vit = ViT(1, 8, dim=16, depth=1, heads=2)
    >>> images = torch.zeros(5, 1, 8, 8)
    >>> vit(images).shape, vit.n_patches
    (torch.Size([5, 16]), 16)
    >>> keep = random_keep(vit.n_patches, drop=0.25, generator=torch.Generator().manual_seed(0))
    >>> len(keep), vit(images, keep).shape
    (12, torch.Size([5, 16]))
    """

    class_token: Tensor
    positions: Tensor

    def __init__(
        self,
        in_channels: int,
        image_size: int,
        *,
        patch_size: int | None = None,
        dim: int = 192,
        depth: int = 12,
        heads: int = 3,
        mlp_ratio: float = 4.0,
    ) -> None:
        super().__init__()
        patch_size = patch_size or max(1, image_size // (8 if image_size >= 16 else 4))
        if image_size % patch_size or dim % heads:
            raise InputError(
                f"image_size={image_size} must be a multiple of patch_size={patch_size}, and "
                f"dim={dim} of heads={heads}"
            )
        self.out_dim, self.patch_size, self.grid = dim, patch_size, image_size // patch_size
        self.n_patches = self.grid**2
        self.patches = nn.Conv2d(in_channels, dim, patch_size, patch_size)
        self.class_token = nn.Parameter(torch.empty(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, 1 + self.n_patches, dim))
        self.blocks = nn.Sequential(*(_Block(dim, heads, mlp_ratio) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self._initialise()

    def _initialise(self) -> None:
        truncated_normal_weights(self)
        for parameter in (self.class_token, self.positions, self.patches.weight):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return the features (n, `out_dim`) of `images` (n, c, h, w).

        `keep` holds the int64 indices of the patches that are seen, in row-major order: (k,) for
        the whole batch or (n, k).
        """
        patches = self.patches(images)
        class_position, positions = self._positions(patches.shape[2], patches.shape[3])
        tokens = patches.flatten(2).transpose(1, 2) + positions
        if keep is not None:
            tokens = _select(tokens, keep)
        head = (self.class_token + class_position).expand(len(tokens), -1, -1)
        return cast(Tensor, self.norm(self.blocks(torch.cat([head, tokens], 1)))[:, 0])

    def _positions(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        first, rest = self.positions[:, :1], self.positions[:, 1:]
        if (rows, columns) != (self.grid, self.grid):
            square = rest.transpose(1, 2).reshape(1, -1, self.grid, self.grid)
            square = F.interpolate(square, (rows, columns), mode="bicubic", align_corners=False)
            rest = square.flatten(2).transpose(1, 2)
        return first, rest


def _select(tokens: Tensor, keep: Tensor) -> Tensor:
    if keep.ndim == 1:
        return tokens[:, keep]
    return tokens.take_along_dim(keep[:, :, None], 1)


def random_keep(n_patches: int, *, drop: float, generator: torch.Generator) -> Tensor:
    """Draw the patches that masking leaves, one set for a whole batch as MSN does.

    Parameters
    ----------
    n_patches : int
        Patches of one image.
    drop : float
        Fraction in [0, 1) that is dropped (0.15 for MSN with ViT-S/16).
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    torch.Tensor
        (k,) sorted int64 indices, k = n_patches - floor(drop n_patches), at least 1.

    Examples
    --------
    >>> random_keep(8, drop=0.5, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4])
    """
    if not 0 <= drop < 1:
        raise InputError(f"drop={drop} must lie in [0, 1)")
    k = max(1, n_patches - int(drop * n_patches))
    return torch.randperm(n_patches, generator=generator)[:k].sort().values
