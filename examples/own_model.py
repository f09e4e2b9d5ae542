"""A FactorGCN layer in a PyTorch Geometric model of your own, trained with an ordinary loop.

Run it with ``python examples/own_model.py``; it generates its data and takes a few seconds on a laptop.
"""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCNConv, global_mean_pool

from graphkit.data import load
from graphkit.metrics import micro_f1
from graphkit.nn import FactorDiscriminator, FactorGCNConv, discriminator_loss


class MyModel(torch.nn.Module):
    """A factorizable convolution below a layer of another kind."""

    def __init__(self, in_channels: int, out_channels: int, factors: int = 4) -> None:
        super().__init__()
        self.factorize = FactorGCNConv(in_channels, 32, factors=factors, gain=2.0)
        self.judge = FactorDiscriminator(self.factorize.hidden_channels, factors, gain=2.0)
        self.norm = torch.nn.BatchNorm1d(32)
        self.second = GCNConv(32, 32)
        self.head = torch.nn.Linear(32, out_channels)

    def forward(self, data: Data) -> tuple[Tensor, Tensor]:
        """Returns the logits of the graphs and the loss that keeps the factors distinct."""
        projection = self.factorize.project(data.x)  # shared by the convolution and its discriminator
        x = self.norm(self.factorize.aggregate_factors(projection, data.edge_index)).relu()
        distinct = discriminator_loss(self.judge(projection, data.edge_index, data.batch, data.num_graphs))
        x = self.second(x, data.edge_index).relu()
        return self.head(global_mean_pool(x, data.batch)), distinct


def main(num_graphs: int = 1000, epochs: int = 20) -> float:
    """Trains the model and returns its micro-F1 on graphs that it has not seen."""
    torch.manual_seed(0)
    # Return probabilities of a random walk tell a node more of its surroundings than its row of the adjacency matrix.
    dataset = load("factor-graphs", num_graphs=num_graphs, transforms=["self-loops", {"return-probabilities": 7}])
    graphs = list(dataset.graphs)
    train, test = graphs[: num_graphs * 4 // 5], graphs[num_graphs * 4 // 5 :]
    model = MyModel(dataset.num_features, dataset.num_outputs)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(1, epochs + 1):
        for batch in DataLoader(train, batch_size=100, shuffle=True):
            logits, distinct = model(batch)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.y) + 0.5 * distinct
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch:3d} loss {float(loss.detach()):.4f}")
    with torch.no_grad():
        model.eval()
        batch = next(iter(DataLoader(test, batch_size=len(test))))
        score = float(micro_f1(model(batch)[0], batch.y))
        _, factors = model.factorize(batch.x, batch.edge_index, return_factors=True)
    print(f"test micro-F1 {score:.4f}; mean coefficient of each factor {factors.mean(dim=0).tolist()}")
    return score


if __name__ == "__main__":
    main()
