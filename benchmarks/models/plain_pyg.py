"""Training of a baseline in plain PyTorch Geometric, with the settings of ``graphkit train``, for comparison.

    python benchmarks/models/plain_pyg.py gcn cora 200 --root FOLDER
    python benchmarks/models/plain_pyg.py gin proteins 20 --root FOLDER
    python benchmarks/models/plain_pyg.py gcn graph.pt 20          # a saved `Data` with masks

One validation per epoch, the best weights on validation, and one test at the end, as the package does; no run folder
and no report. ``benchmarks/scale/end_to_end.py`` runs it next to the package.
"""

import argparse
import copy

import torch
import torch_geometric.transforms as T
from torch.nn import functional as F
from torch_geometric.datasets import Planetoid, TUDataset
from torch_geometric.loader import DataLoader
from torch_geometric.nn import global_add_pool
from torch_geometric.nn.models import GAT, GCN, GIN


class Net(torch.nn.Module):
    """Baseline of one name, with a readout for graphs."""

    def __init__(self, name: str, width: int, classes: int, graphs: bool) -> None:
        super().__init__()
        options = {"norm": "batch_norm"} if graphs else {"dropout": {"gcn": 0.8, "gat": 0.75}[name]}
        cls, layers, out = {"gcn": GCN, "gat": GAT, "gin": GIN}[name], 4 if graphs else 2, 64 if graphs else classes
        if name == "gat":
            options |= {"heads": 8, "act": "elu"}
        self.body, self.drop = cls(width, 64, layers, out, **options), 0.0 if graphs else options["dropout"]
        self.head = torch.nn.Linear(64, classes) if graphs else None

    def forward(self, data: object) -> torch.Tensor:
        """Returns the outputs of nodes or of graphs."""
        out = self.body(F.dropout(data.x, self.drop, self.training), data.edge_index)
        return out if self.head is None else self.head(global_add_pool(out, data.batch))


def train_nodes(name: str, data: object, classes: int, epochs: int) -> float:
    """Returns the test accuracy of a model of the nodes of one graph."""
    model = Net(name, data.num_features, classes, graphs=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
    best, weights = -1.0, model.state_dict()
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(data)[data.train_mask], data.y[data.train_mask]).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            out = model(data)[data.val_mask]
        F.cross_entropy(out, data.y[data.val_mask])
        score = float((out.argmax(1) == data.y[data.val_mask]).float().mean())
        if score > best:
            best, weights = score, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    with torch.no_grad():
        return float((model(data).argmax(1) == data.y)[data.test_mask].float().mean())


def train_graphs(name: str, graphs: object, epochs: int) -> float:
    """Returns the accuracy of a model of graphs on a tenth of them."""
    order = torch.randperm(len(graphs), generator=torch.Generator().manual_seed(0))
    cut = len(graphs) // 10
    batches, held_out = (
        DataLoader(graphs[part], 64, shuffle=shuffle) for part, shuffle in ((order[cut:], True), (order[:cut], False))
    )
    model, score = Net(name, graphs.num_features, graphs.num_classes, graphs=True), 0.0
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for _ in range(epochs):
        model.train()
        for data in batches:
            optimizer.zero_grad()
            F.cross_entropy(model(data), data.y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            pairs = [(model(data), data.y) for data in held_out]
        out, y = (torch.cat(values) for values in zip(*pairs, strict=True))
        F.cross_entropy(out, y)
        score = float((out.argmax(1) == y).float().mean())
    return score


def main() -> None:
    """Trains once and prints the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("gcn", "gat", "gin"))
    parser.add_argument("data", help="cora, proteins or a file")
    parser.add_argument("epochs", type=int)
    parser.add_argument("--root", default="data", help="folder of PyG's data sets")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.data == "cora":
        dataset = Planetoid(options.root, "Cora", pre_transform=T.NormalizeFeatures())
        score = train_nodes(options.model, dataset[0], dataset.num_classes, options.epochs)
    elif options.data == "proteins":
        score = train_graphs(options.model, TUDataset(options.root, "PROTEINS"), options.epochs)
    else:
        data = torch.load(options.data, weights_only=False)
        score = train_nodes(options.model, data, int(data.y.max()) + 1, options.epochs)
    print(f"accuracy {100 * score:.2f} %")


if __name__ == "__main__":
    main()
