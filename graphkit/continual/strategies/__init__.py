"""Strategies, one per file, registered by ``@register_strategy(name)``."""

from graphkit.continual.strategies.agem import AGEM
from graphkit.continual.strategies.er_gnn import ERGNN
from graphkit.continual.strategies.ewc import EWC
from graphkit.continual.strategies.fine_tune import FineTune, FineTuneNoDecay
from graphkit.continual.strategies.gem import GEM
from graphkit.continual.strategies.joint import Joint
from graphkit.continual.strategies.lwf import LwF
from graphkit.continual.strategies.mas import MAS
from graphkit.continual.strategies.twp import TWP
from graphkit.continual.strategies.uniform import UniformImportance

__all__ = [
    "AGEM",
    "ERGNN",
    "EWC",
    "GEM",
    "MAS",
    "TWP",
    "FineTune",
    "FineTuneNoDecay",
    "Joint",
    "LwF",
    "UniformImportance",
]
