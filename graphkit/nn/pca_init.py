"""PCA initialization of a factorizable graph convolution."""

import torch
from torch import Tensor

from graphkit.nn.conv.factorgcn_conv import FactorGCNConv


@torch.no_grad()
def pca_init(conv: FactorGCNConv, x: Tensor, edge_index: Tensor) -> None:
    r"""Initializes the factors of a layer from the principal components of its edges.

    With :math:`\mathbf{z}_{ji} = (\mathbf{x}_j + \mathbf{x}_i) / 2` over the edges between different nodes, mean
    :math:`\boldsymbol{\mu}`, principal directions :math:`\mathbf{v}_1, \mathbf{v}_2, \ldots` and deviations
    :math:`\sigma_r` along them, the projection becomes :math:`\mathbf{h}_i = [\mathbf{v}_1, \ldots,
    \mathbf{v}_D]^{\top} \mathbf{x}_i`, and the scores of the factors come in pairs of opposite sign:

    .. math::
        \psi_{2r-1}(j, i) = - \psi_{2r}(j, i) = \mathbf{v}_r^{\top} (\mathbf{z}_{ji} - \boldsymbol{\mu}) / \sigma_r

    Each factor initially selects about half of the edges. The initialization is unsupervised and makes the factors
    reproducible across seeds, up to the sign of a component, which swaps the two factors of a pair.

    Args:
        conv (FactorGCNConv): Layer whose weights are overwritten. Directions beyond the number of features keep their
            values.
        x (Tensor): Node features ``[N, in_channels]``.
        edge_index (Tensor): Edges ``[2, E]``.

    Differences:
        Extension of this package; neither the paper of FactorGCN nor the released code has it.
    """
    row, col = edge_index[0], edge_index[1]
    keep = row != col
    z = (x[row[keep]] + x[col[keep]]) / 2
    if z.size(0) < 2:  # no covariance: keep the random weights
        return
    mean = z.mean(dim=0)
    covariance = (z - mean).t() @ (z - mean) / (z.size(0) - 1)
    variance, directions = torch.linalg.eigh(covariance.double())  # in ascending order
    count = min(conv.hidden_channels, x.size(1))
    directions = directions.flip(1)[:, :count].to(x.dtype)
    variance = variance.flip(0)[:count].to(x.dtype)
    directions = directions * directions.gather(0, directions.abs().argmax(0, keepdim=True)).sign()
    conv.weight[:, :count] = directions
    if conv.bias is not None:
        conv.bias.zero_()
    for weight in (conv.att_source, conv.att_target):
        weight.zero_()
    for factor in range(conv.factors):
        component = (factor // 2) % count
        scale = (-1) ** factor / (2 * variance[component].clamp(min=1e-12).sqrt())
        offset = -scale * (mean @ directions[:, component])
        for weight, bias in ((conv.att_source, conv.att_source_bias), (conv.att_target, conv.att_target_bias)):
            weight[component, factor] = scale
            bias[factor] = offset
