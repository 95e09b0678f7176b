"""Small networks and data whose whole Hessian autograd computes in one call, the other way to compute it."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from anatomy.studies.curvature.objective import Objective
from anatomy.training.losses.cross_entropy import loss as cross_entropy


def relu_network(inputs=2, hidden=(7, 9), classes=3, seed=0, activation=nn.ReLU):
    """A network of linear layers, in float64."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    sizes = [inputs, *hidden, classes]
    for one, other in pairwise(sizes):
        layers += [nn.Linear(one, other), activation()]
    network = nn.Sequential(*layers[:-1]).double()
    with torch.no_grad():
        for own in network.parameters():
            own.copy_(torch.randn(own.shape, generator=generator, dtype=torch.float64) * 0.7)
    return network


def data(count=20, inputs=2, classes=3, seed=0):
    """Random inputs (count, inputs), and labels of which each class has some."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, inputs, generator=generator, dtype=torch.float64)
    return x, torch.arange(count) % classes


def objective(network=None, batches=None, loss=cross_entropy, **more):
    network = relu_network() if network is None else network
    return Objective(network, [data()] if batches is None else batches, loss, **more)


def reference_hessian(network, x, y, loss=cross_entropy):
    """The Hessian of the mean loss, by torch.autograd.functional on the flattened parameters."""
    names = [name for name, _ in network.named_parameters()]
    shapes = [own.shape for own in network.parameters()]

    def total(theta):
        parts = theta.split([shape.numel() for shape in shapes])
        own = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return loss(functional_call(network, own, (x,)), y)

    theta = torch.cat([own.detach().reshape(-1) for own in network.parameters()])
    return torch.autograd.functional.hessian(total, theta).numpy()


class Matrix:
    """A symmetric matrix as what is known by its products."""

    def __init__(self, entries):
        self.entries, self.size = np.asarray(entries, float), len(entries)

    def products(self, vectors):
        return self.entries @ vectors


def random_matrix(values, seed=0):
    """A symmetric matrix with these eigenvalues, and its eigenvectors."""
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return Matrix(basis * values @ basis.T), basis
