"""graphkit: five published graph-learning methods for PyTorch Geometric.

:func:`fit` trains a model, :func:`search` searches settings, :func:`load` loads a data set and :func:`open_run` opens a
run folder. The levels, from the bottom up: :mod:`graphkit.ops` (operators), :mod:`graphkit.nn` (layers and models),
:mod:`graphkit.data`, :mod:`graphkit.skeleton`, :mod:`graphkit.transforms`, :mod:`graphkit.sampling`,
:mod:`graphkit.metrics`, :mod:`graphkit.tasks`, :mod:`graphkit.config`, :mod:`graphkit.distributed`,
:mod:`graphkit.training`, :mod:`graphkit.distill`, :mod:`graphkit.continual`, :mod:`graphkit.experiments`,
:mod:`graphkit.report`, :mod:`graphkit.export` and :mod:`graphkit.cli`. Each is imported when it is used, so that
``import graphkit`` is fast.
"""

import logging
from typing import TYPE_CHECKING

from graphkit.lazy import attach
from graphkit.version import __version__

if TYPE_CHECKING:
    from graphkit.data import load
    from graphkit.experiments import Callback, fit, open_run
    from graphkit.experiments.search_models import search

__all__ = ["Callback", "__version__", "fit", "load", "open_run", "search"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Callback": "graphkit.experiments",
        "fit": "graphkit.experiments",
        "load": "graphkit.data",
        "open_run": "graphkit.experiments",
        "search": "graphkit.experiments.search_models",
    },
)

logging.getLogger("graphkit").addHandler(logging.NullHandler())  # a program decides what is printed
