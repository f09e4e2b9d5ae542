"""Graph regression: a number for each graph."""

from torch import Tensor
from torch.nn import functional as F

from graphkit.ops._segments import widen
from graphkit.tasks.task import Task


class GraphRegression(Task):
    """One or several numbers for each graph, by the absolute error; targets are ``[B, C]`` float."""

    name = "graph-regression"
    metrics = ("mae",)

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Returns the mean absolute error."""
        output = widen(output)
        return F.l1_loss(output, y.view_as(output).to(output.dtype))

    def weight(self, y: Tensor) -> int:
        """Returns the number of targets."""
        return y.numel()

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the outputs, which are the predictions themselves."""
        return output, output
