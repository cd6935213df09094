"""Networks and brute-force oracles that never touch the geometry's own code."""

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import nn
from torch.nn import functional as F

from ssl_lib.geometry import Maxout


class Abs(nn.Module):
    def forward(self, x):
        return x.abs()


ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.1),
    "abs": Abs,
}


def build_mlp(*widths, seed=0, activation="relu", bias=True, scale=1.0):
    """Linear layers made in order after one seed, as in the dossier's table of counts."""
    layers = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for n_in, n_out in itertools.pairwise(widths):
            layers += [nn.Linear(n_in, n_out, bias=bias), ACTIVATIONS[activation]()]
    for layer in layers[::2]:
        layer.weight.data *= scale
    return nn.Sequential(*layers[:-1]).eval()


def activation_patterns(model, inputs):
    """One byte string a sample: what each nonlinear module does, seen by forward hooks."""
    seen = []

    def record(module, arguments, _):
        (x,) = arguments
        if isinstance(module, nn.MaxPool2d):
            options = (module.kernel_size, module.stride, module.padding)
            seen.append(F.max_pool2d(x, *options, return_indices=True)[1].flatten(1).short())
        elif isinstance(module, Maxout):
            seen.append(x.unflatten(1, (-1, module.pieces)).argmax(2).flatten(1).short())
        else:
            seen.append((x > 0).flatten(1).short())

    kinds = (nn.ReLU, nn.LeakyReLU, Abs, nn.MaxPool2d, Maxout)
    hooks = [m.register_forward_hook(record) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    return [row.tobytes() for row in torch.cat(seen, 1).numpy()]


def random_points(domain, n, seed=0):
    """Points spread over a convex polygon, by its fan of triangles."""
    rng = np.random.default_rng(seed)
    corners = domain.numpy()
    first, second = corners[1:-1] - corners[0], corners[2:] - corners[0]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    chosen = rng.choice(len(areas), n, p=areas / areas.sum())
    a, b = rng.random((2, n, 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    return torch.from_numpy(corners[0] + a * first[chosen] + b * second[chosen])


def mesh_of(partition, merge=1e-11):
    """Vertices, edges with how often each occurs and whether it is of the domain's border."""
    polygons = partition.polygons
    points = polygons.vertices.numpy()
    tree = cKDTree(points)
    name = np.arange(len(points))
    for first, second in sorted(map(tuple, tree.query_pairs(merge, output_type="ndarray"))):
        name[second] = name[first]
    ends = np.stack([name, name[polygons.following.numpy()]], 1)
    ends.sort(1)
    edges, where, times = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    border = np.zeros(len(edges), bool)
    border[where.reshape(-1)[polygons.edge.numpy() == 0]] = True
    return np.unique(name), edges, times, border


def assert_exact(model, partition, *, samples=20_000, euler=True):
    """Everything that must hold of any partition, by brute force on the float64 model."""
    model = model.double()
    plane = partition.slice
    centers = activation_patterns(model, plane.embed(partition.centers))
    assert len(set(centers)) == len(partition), "two regions share an activation pattern"
    points = random_points(plane.domain, samples)
    sampled = activation_patterns(model, plane.embed(points))
    assert set(sampled) <= set(centers), "a sampled pattern is no region's"
    total = _shoelace(plane.domain.numpy())
    assert abs(partition.areas.sum().item() / total - 1) < 1e-12
    assert partition.areas.min() > 0
    _assert_affine(model, partition)
    if euler:
        vertices, edges, times, border = mesh_of(partition)
        assert len(vertices) - len(edges) + len(partition) == 1
        np.testing.assert_array_equal(times, np.where(border, 1, 2))


def _shoelace(corners):
    x, y = corners.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _assert_affine(model, partition):
    """The regions' affine maps give the model's outputs at points towards each vertex."""
    owner = partition.polygons.owner
    points = 0.8 * partition.polygons.vertices + 0.2 * partition.centers[owner]
    with torch.no_grad():
        expected = model(partition.slice.embed(points)).flatten(1)
    error = (partition.values(owner, points) - expected).abs().max()
    assert error <= 1e-12 * expected.abs().max()


@pytest.fixture(scope="session")
def mlp():
    return build_mlp


@pytest.fixture(scope="session")
def patterns():
    return activation_patterns


@pytest.fixture(scope="session")
def check_exact():
    return assert_exact


@pytest.fixture(scope="session")
def mesh():
    return mesh_of


@pytest.fixture(scope="session")
def spread():
    return random_points


@pytest.fixture(scope="session")
def absolute():
    return Abs
