"""A path-attention layer in a PyTorch Geometric model of your own, on a graph of your own, with a plain loop.

Run it with ``python examples/own_path_model.py``; it makes its graph and takes a few seconds on a laptop. The graph is
a grid of streets with travel times. Sensors stand at every crossing and are noisy; districts are to be told from them.
"""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

from graphkit.nn import SPAGANConv
from graphkit.transforms import ShortestPaths


def streets(side: int = 20, noise: float = 2.0, seed: int = 0) -> Data:
    """Returns a grid of crossings in four districts, with streets that are slow where they leave a district."""
    generator = torch.Generator().manual_seed(seed)
    crossing = torch.arange(side * side).view(side, side)
    pairs = [(crossing[:, :-1], crossing[:, 1:]), (crossing[:-1], crossing[1:])]
    one_way = torch.cat([torch.stack([a.flatten(), b.flatten()]) for a, b in pairs], dim=1)
    edge_index = torch.cat([one_way, one_way.flip(0)], dim=1)
    half = torch.arange(side) >= side // 2
    district = (2 * half.long()[:, None] + half.long()[None]).flatten()
    leaves = district[edge_index[0]] != district[edge_index[1]]
    minutes = 1 + torch.rand(edge_index.size(1), generator=generator) + 5 * leaves
    sensors = torch.eye(4)[district] + noise * torch.randn(side * side, 4, generator=generator)
    return Data(x=sensors, edge_index=edge_index, edge_weight=minutes, y=district)


class MyModel(torch.nn.Module):
    """Attention over the quickest ways below a layer of another kind."""

    def __init__(self, in_channels: int, out_channels: int, max_hops: int = 4) -> None:
        super().__init__()
        self.paths = SPAGANConv(in_channels, 8, heads=4, max_hops=max_hops, pool="mean", dropout=0.3)
        self.second = GCNConv(32, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor, paths: list[Tensor]) -> Tensor:
        """Returns the logits; `self.paths(x, edge_index, edge_weight)` would find the ways itself, in every call."""
        return self.second(self.paths(x, paths).relu(), edge_index)


def main(side: int = 20, epochs: int = 80) -> float:
    """Trains the model on a tenth of the crossings and returns its accuracy on the others."""
    torch.manual_seed(0)
    data = ShortestPaths(max_hops=4, ratio=1.0, weight="edge_weight")(streets(side))
    paths = [data[f"path_index_{hops}"] for hops in range(1, 5)]
    train = torch.rand(side * side) < 0.1
    model = MyModel(4, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
    for epoch in range(1, epochs + 1):
        model.train()
        loss = torch.nn.functional.cross_entropy(model(data.x, data.edge_index, paths)[train], data.y[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 20 == 0:
            print(f"epoch {epoch:3d} loss {float(loss.detach()):.4f}")
    model.eval()
    with torch.no_grad():
        right = model(data.x, data.edge_index, paths).argmax(dim=1) == data.y
        _, attention = model.paths(data.x, paths, return_attention=True)
    score = float(right[~train].float().mean())
    shares = [f"{hops} hops {share:.2f}" for hops, share in enumerate(attention.beta.mean(dim=(0, 1)), start=1)]
    print(f"accuracy on the other crossings {score:.3f}; attention by length: {', '.join(shares)}")
    return score


if __name__ == "__main__":
    main()
