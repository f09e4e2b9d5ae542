"""Conversion of the released STIGCN checkpoints."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.errors import InputError

if TYPE_CHECKING:
    from graphkit.nn.models.stigcn import STIGCN

_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def stigcn_weights(model: "STIGCN", released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Converts a released checkpoint to a state dict of STIGCN.

    The released weights belong to ``polynomial="elementwise"``. The checkpoint has no supports: those of the model are
    kept.

    Args:
        model (STIGCN): Model with the widths of the checkpoint.
        released (Mapping[str, Tensor]): Parameters by name, as ``torch.load(path, weights_only=True)`` returns them; a
            prefix ``module.`` is removed.

    Returns:
        State dict for ``model.load_state_dict``.

    Raises:
        InputError: If a parameter is missing or unexpected, or its shape differs from the model's.

    Example:
        >>> from graphkit.nn import STIGCN
        >>> model = STIGCN(polynomial="elementwise")
        >>> model.load_state_dict(stigcn_weights(model, torch.load("ntu-xsub.pt", weights_only=True)))  # doctest: +SKIP
    """
    left = {name.removeprefix("module."): tensor for name, tensor in released.items()}
    state = model.state_dict()

    def take(name: str) -> Tensor:
        if name not in left:
            raise InputError(f"the checkpoint has no '{name}'; give a released checkpoint of STIGCN, as it is")
        return left.pop(name)

    def norms(target: str, *sources: str) -> None:
        for field in _NORM:
            if field == "num_batches_tracked":
                counts = [left.pop(f"{source}.{field}", torch.tensor(0)) for source in sources]
                put(f"{target}.{field}", counts[0])
            else:
                put(f"{target}.{field}", torch.cat([take(f"{source}.{field}") for source in sources]))

    def put(name: str, value: Tensor) -> None:
        if state[name].shape != value.shape:
            raise InputError(
                f"the checkpoint does not fit the model: '{name}' must have shape {tuple(state[name].shape)} (got "
                f"{tuple(value.shape)}); make the model with the layout, persons and classes of the checkpoint"
            )
        state[name] = value.to(state[name].dtype)

    def block(here: str, there: str) -> None:
        space, time = f"{there}.spatial", f"{there}.temporal"
        pair = [f"{space}.CA.proj{number}" for number in (1, 2)]
        put(f"{here}.weight_embed", torch.stack([_columns(take(f"{name}.weight")) for name in pair], dim=1))
        put(f"{here}.bias_embed", torch.stack([take(f"{name}.bias") for name in pair]))
        branches = [f"{space}.branches.{number}" for number in range(4)]
        put(f"{here}.weight_branch", torch.stack([_columns(take(f"{b}.conv.weight")) for b in branches], dim=1))
        norms(f"{here}.norm_branch", *(f"{branch}.bn" for branch in branches))
        windows = [f"{time}.branches.{number}" for number in range(2)]
        kernels = [take(f"{name}.conv.weight").squeeze(3).permute(1, 2, 0) for name in windows]
        put(f"{here}.weight_window", torch.stack(kernels, dim=1))
        norms(f"{here}.norm_window", *(f"{name}.bn" for name in windows))
        put(f"{here}.adapt", torch.stack([take(f"{space}.PA{number}") for number in range(1, 5)]))
        put(f"{here}.rho", take(f"{space}.PCA"))
        for path, kind in ((space, "space"), (time, "time")):
            put(f"{here}.weight_{kind}", _columns(take(f"{path}.fusion.conv.weight")))
            norms(f"{here}.norm_{kind}", f"{path}.fusion.bn")
        if f"{here}.weight_shortcut" in state:
            put(f"{here}.weight_shortcut", _columns(take(f"{there}.shortcut.conv.weight")))
            norms(f"{here}.norm_shortcut", f"{there}.shortcut.bn")

    norms("norm_data", "data_bn.bn")
    block("first", "layer0")
    for number, stage in enumerate(model.stages):
        for position in range(len(stage)):  # type: ignore[arg-type]
            block(f"stages.{number}.{position}", f"layer{number + 1}.{position}")
    put("classifier.weight", take("fc.weight"))
    put("classifier.bias", take("fc.bias"))
    if left:
        raise InputError(f"the checkpoint has parameters that STIGCN does not: '{min(left)}' ({len(left)} in all)")
    return state


def _columns(kernel: Tensor) -> Tensor:
    """Returns the kernel of a 1x1 convolution as a matrix ``[in, out]``."""
    return kernel.flatten(1).t()
