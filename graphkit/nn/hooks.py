"""Whether somebody listens to the messages of a layer."""

from torch_geometric.nn import MessagePassing


def has_listeners(conv: MessagePassing) -> bool:
    """Returns whether an explainer or a message-passing hook is attached to the layer.

    A fused operator makes no messages that could be listened to; a layer that has one asks here first and takes the
    way through ``message`` if the answer is yes.
    """
    return bool(
        conv.explain
        or conv._propagate_forward_pre_hooks
        or conv._propagate_forward_hooks
        or conv._message_forward_pre_hooks
        or conv._message_forward_hooks
        or conv._aggregate_forward_pre_hooks
        or conv._aggregate_forward_hooks
    )
