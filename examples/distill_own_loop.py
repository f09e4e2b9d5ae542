"""A small network learns from a large one, in a loop of one's own, by two losses; and the same one alone.

python examples/distill_own_loop.py
"""

import torch
from torch.nn import functional as F
from torch_geometric.nn.models import GAT

from graphkit.data import load
from graphkit.distill import Distiller, KnowledgeDistillation, LayerPair, LocalStructureLoss


def main(epochs: int = 60) -> dict[str, float]:
    """Returns the test accuracy of the teacher, of the student alone and of the one that was taught."""
    dataset = load("karate", split="0.3,0.2,0.5")
    data, split = dataset.graphs[0], dataset.splits[0]
    x, y, edge_index = data.x, data.y, data.edge_index
    scores: dict[str, float] = {}

    def train(name: str, network: torch.nn.Module, distiller: Distiller | None = None) -> None:
        extra = [] if distiller is None else list(distiller.parameters())  # none here: these losses have no map
        optimizer = torch.optim.Adam([*network.parameters(), *extra], lr=0.01)
        for epoch in range(epochs):
            network.train()
            optimizer.zero_grad()
            if distiller is None:
                out, distillation = network(x, edge_index), torch.zeros(())
            else:
                out, distillation = distiller(x, edge_index, epoch=epoch)
            (F.cross_entropy(out[split.train], y[split.train]) + distillation).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            hits = network(x, edge_index).argmax(dim=1) == y
        scores[name] = float(hits[split.test].float().mean())
        size = sum(p.numel() for p in network.parameters())
        print(f"{name:<10} {size:>6} parameters, test accuracy {scores[name]:.3f}")

    torch.manual_seed(0)
    teacher = GAT(dataset.num_features, 64, 2, dataset.num_outputs, heads=8)
    train("teacher", teacher)

    def student() -> torch.nn.Module:
        torch.manual_seed(1)
        return GAT(dataset.num_features, 8, 3, dataset.num_outputs, heads=2)  # narrower and deeper

    train("alone", student())
    taught = student()
    pairs = [
        LayerPair(LocalStructureLoss(normalize=True), "conv1", "conv2", weight=10.0),
        LayerPair(KnowledgeDistillation(temperature=2.0), "output", active_epochs=epochs // 2),
    ]
    train("taught", taught, Distiller(teacher, taught, pairs))
    return scores


if __name__ == "__main__":
    main()
