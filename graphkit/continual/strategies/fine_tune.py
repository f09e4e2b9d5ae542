"""Fine-tuning: training without a strategy against forgetting."""

from graphkit.continual.strategy import Strategy
from graphkit.registry import register_strategy


@register_strategy("fine-tune")
class FineTune(Strategy):
    """Fine-tuning on each task in turn, the lower baseline of all strategies."""


@register_strategy("fine-tune-no-decay")
class FineTuneNoDecay(Strategy):
    """Fine-tuning without weight decay, a control for forgetting through decay.

    The output layers of old tasks have no gradient but that of the decay, along which Adam takes full steps.
    """

    without_decay = True
