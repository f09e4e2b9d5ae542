"""A worked example: one attention head with the identity as projection on a path 0-1-2 with self loops.

Parameters are listed as the projection (by rows), then what sources and targets are weighed by.
"""

import torch
from torch import Tensor
from torch_geometric.nn import GATConv

from graphkit.continual import Experience

DOUBLE = torch.float64
X = torch.tensor([[1, 0], [0, 1], [1, 1]], dtype=DOUBLE)
EDGES = torch.tensor([[0, 1, 1, 2, 0, 1, 2], [1, 0, 2, 1, 0, 1, 2]])
LEARNT = [1, 0, 0, 1, 0.1, -0.2, 0.3, 0.4]
MOVED = [1.1, -0.1, 0.1, 0.9, 0.2, -0.3, 0.4, 0.3]
ORDER = ("lin.weight", "att_src", "att_dst")

ATTENTION = [0.39069383327, 0.425557483188, 0.475020812521, 0.319873056336, 0.574442516812, 0.289433110394]
ATTENTION += [0.524979187479]
LOSS = 0.552527030095
NORM, SQUARED_NORM = 1.16235247027, 1.35106326515
GRADIENT = {
    "loss": [-0.0388273792517, 0.104544899874, 0.045361172334, -0.115859587945, -0.065337930823, 0.113146880708, 0, 0],
    "fro": [0.00543065285725, -0.00487781162542, -0.0108613057145, 0.00975562325084, 0.0543065285725]
    + [-0.0487781162542, 0, 0],
    "squared": [0.0126246655276, -0.0113394727847, -0.0252493310553, 0.0226789455693, 0.126246655276]
    + [-0.113394727847, 0, 0],
}
IMPORTANCE = [15.0786029946, 109.298740202, 20.5881563514, 134.243958406, 42.9853719468, 128.260096601, 0, 0]
PENALTY = 4.50454926501
NEW_LOSS, NEW_GRADIENT_L1 = 0.720236919304, 0.377396319424
STEP = [3.03126325125, -21.9324725326, 4.0960915469, -26.8056573621, 8.67373578614, -25.7422647866, 0.00575482691566]
STEP += [-0.0517934422409]
STEP_WITH_CAPACITY = [3.03604636154, -21.9348900764, 4.09115444943, -26.8037280834, 8.6773191195, -25.7457635202]
STEP_WITH_CAPACITY += [0.00643154831416, -0.0532800732953]
GENERIC = [-0.0813200792821, 0.0813200792821, 0.674089675015, 0.911332655304, 0.992652734586, 0.992652734586]
GENERIC += [1.5887809591]


def make_layer(values: list[float]) -> GATConv:
    """Returns the layer with the given parameters."""
    layer = GATConv(2, 2, add_self_loops=False, bias=False).double()
    theta = torch.tensor(values, dtype=DOUBLE)
    with torch.no_grad():
        for name, block in zip(ORDER, (theta[:4], theta[4:6], theta[6:]), strict=True):
            layer.get_parameter(name).copy_(block.view_as(layer.get_parameter(name)))
    return layer


def make_task(labels: dict[int, int]) -> Experience:
    """Returns the task to classify some of the nodes."""
    ids, y = torch.tensor(list(labels)), torch.tensor(list(labels.values()))
    return Experience([EDGES], lambda model, edges: model(X, edges)[ids], lambda edges: y, nodes=lambda edges: ids)


def as_vector(named: dict[str, Tensor]) -> Tensor:
    """Returns one value per parameter in the order of the lists above."""
    return torch.cat([named[name].detach().flatten() for name in ORDER])
