"""Plugin of pytest that accelerates each layer of PyG when it is made: `pytest -p tests.nn.accelerated_layers`."""

from typing import Any

import pytest

from graphkit.nn import accelerate
from graphkit.nn.fused import FUSED


def pytest_configure(config: pytest.Config) -> None:
    """Replaces the constructors of the layers."""
    for layer in FUSED:
        _accelerate_new(layer)


def _accelerate_new(layer: Any) -> None:
    make = layer.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if type(self) is layer:
            accelerate(self, inplace=True)

    layer.__init__ = init
