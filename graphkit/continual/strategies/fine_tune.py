"""Fine-tuning: nothing is done against forgetting."""

from graphkit.continual.strategy import Strategy
from graphkit.registry import register_strategy


@register_strategy("fine-tune")
class FineTune(Strategy):
    """Goes on training, task after task: what any other strategy must beat."""


@register_strategy("fine-tune-no-decay")
class FineTuneNoDecay(Strategy):
    """Fine-tuning without weight decay: a control that shows how much of the forgetting decay alone makes up.

    Adam with coupled decay takes full steps along a gradient that holds nothing but the decay, and outputs of old
    tasks receive no other.
    """

    without_decay = True
