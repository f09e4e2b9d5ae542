"""Detection of explainers and hooks on message passing layers."""

from torch_geometric.nn import MessagePassing


def has_listeners(conv: MessagePassing) -> bool:
    """Returns whether a `MessagePassing` layer has hooks or an active explainer.

    Fused operators do not materialize messages: layers that have one call ``message`` instead if this returns true.
    """
    return bool(
        conv.explain
        or conv._propagate_forward_pre_hooks
        or conv._propagate_forward_hooks
        or conv._message_forward_pre_hooks
        or conv._message_forward_hooks
        or conv._aggregate_forward_pre_hooks
        or conv._aggregate_forward_hooks
        or conv._message_and_aggregate_forward_pre_hooks
        or conv._message_and_aggregate_forward_hooks
        or conv._edge_update_forward_pre_hooks
        or conv._edge_update_forward_hooks
    )
