import pytest
import torch
from torch_geometric.data import Batch

from graphkit.nn import FactorDiscriminator, FactorGCNConv, discriminator_loss
from graphkit.testing import random_graph, random_graphs
from tests.nn import golden
from tests.nn.conv.test_factorgcn_conv import golden_layer


def golden_judge(norm: str) -> FactorDiscriminator:
    judge = FactorDiscriminator(2, 2, gain=6.0, norm=norm).double()
    values = [
        (judge.lin1, [[0.5, -0.5]], [0.1]),
        (judge.lin2, [[1.0], [-1.0]], [0.0, 0.2]),
        (judge.classifier, [[1.0, 0.5], [-0.5, 1.0]], [0.1, -0.1]),
    ]
    with torch.no_grad():
        for linear, weight, bias in values:
            linear.weight.copy_(torch.tensor(weight, dtype=torch.float64))
            linear.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    return judge


@pytest.mark.parametrize("norm", ["source", "both"])
def test_golden_numbers(norm: str) -> None:
    logits = golden_judge(norm)(golden_layer(norm).project(golden.X), golden.EDGES)
    if norm == "source":
        torch.testing.assert_close(logits[0], golden.LOGITS, atol=1e-9, rtol=0)
    assert float(discriminator_loss(logits).detach()) == pytest.approx(golden.LOSS[norm], abs=1e-9)


def test_a_batch_of_one_graph_has_the_shape_of_any_other() -> None:
    conv, judge = FactorGCNConv(3, 8, factors=4), FactorDiscriminator(2, 4)
    graphs = random_graphs(3)
    batch = Batch.from_data_list(graphs)
    logits = judge(conv.project(batch.x), batch.edge_index, batch.batch, batch.num_graphs)
    assert logits.shape == (3, 4, 4)
    alone = judge(conv.project(graphs[0].x), graphs[0].edge_index)
    assert alone.shape == (1, 4, 4)
    torch.testing.assert_close(alone[0], logits[0])


def test_one_factor_is_never_mistaken() -> None:
    conv, judge = FactorGCNConv(3, 4, factors=1), FactorDiscriminator(4, 1)
    assert float(discriminator_loss(judge(conv.project(torch.randn(12, 3)), random_graph(12))).detach()) == 0


def test_the_loss_teaches_the_layer_too() -> None:
    conv, judge = FactorGCNConv(3, 8, factors=4), FactorDiscriminator(2, 4)
    discriminator_loss(judge(conv.project(torch.randn(12, 3)), random_graph(12))).backward()
    assert all(parameter.grad is not None for parameter in conv.parameters())
    assert conv.att_source.grad is not None and conv.att_source.grad.abs().sum() > 0


def test_the_loss_counts_every_factor_graph_once() -> None:
    logits = torch.zeros(5, 3, 3)
    assert float(discriminator_loss(logits)) == pytest.approx(torch.tensor(3.0).log().item())
    certain = 50 * torch.eye(3).expand(5, 3, 3)
    assert float(discriminator_loss(certain)) == pytest.approx(0, abs=1e-6)
