"""Knowledge distillation (KD) with soft labels."""

import torch
from torch import Tensor

from graphkit.distill.loss import DistillationLoss, check_same_width
from graphkit.errors import InputError
from graphkit.registry import register_loss


@register_loss("kd")
class KnowledgeDistillation(DistillationLoss):
    r"""Knowledge distillation (KD, 2015): divergence of soft labels.

    For classification with logits :math:`\mathbf{s}_i` of the student and :math:`\mathbf{t}_i` of the teacher,

    .. math::
        L = \frac{T^2}{N} \sum_i \mathrm{KL} \left( \mathrm{softmax}(\mathbf{t}_i / T) \,\Vert\,
        \mathrm{softmax}(\mathbf{s}_i / T) \right)

    For several labels per node, the same with a sigmoid per label, averaged over nodes and labels.

    Args:
        temperature (float, optional): Temperature :math:`T`. (default: ``2.0``)
        multi_label (bool, optional): If ``True``, every output is the logit of a separate label. (default: ``False``)

    Shapes:
        - **input:** ``student`` and ``teacher`` ``[N, C]``, logits.
        - **output:** a scalar, 0 for equal soft labels.

    Raises:
        InputError: If the temperature is not positive and finite.

    Notes:
        All rows are used, also those without a label. A class that the teacher masks out, with a logit of minus
        infinity, adds nothing: :math:`p \log p` is 0 at :math:`p = 0`.

    Reference:
        Hinton, Vinyals and Dean, `Distilling the Knowledge in a Neural Network <https://arxiv.org/abs/1503.02531>`_,
        2015.

    Differences:
        The paper uses the cross-entropy, which differs by the entropy of the teacher, a constant; gradients are equal.
    """

    on_outputs = True

    def __init__(self, temperature: float = 2.0, multi_label: bool = False) -> None:
        super().__init__()
        if not 0 < temperature < float("inf"):
            raise InputError(f"`temperature` must be positive and finite (got {temperature})")
        self.temperature, self.multi_label = temperature, multi_label

    def compare(self, student: Tensor, summary: Tensor) -> Tensor:
        """Returns the divergence of the soft labels."""
        check_same_width(student, summary, "KnowledgeDistillation")
        s, t = student / self.temperature, summary / self.temperature
        if self.multi_label:
            log = torch.nn.functional.logsigmoid
            parts = _relative_entropy(log(t), log(s)) + _relative_entropy(log(-t), log(-s))
            return self.temperature**2 * parts.mean()
        parts = _relative_entropy(t.log_softmax(dim=-1), s.log_softmax(dim=-1))
        return self.temperature**2 * parts.sum(dim=-1).mean()

    def extra_repr(self) -> str:
        """Returns the options."""
        return f"temperature={self.temperature}, multi_label={self.multi_label}"


def _relative_entropy(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Returns ``p log(p / q)`` element-wise, 0 where ``p`` is 0."""
    p = log_p.exp()
    absent = p == 0
    return p * (log_p.masked_fill(absent, 0) - log_q.masked_fill(absent, 0))
