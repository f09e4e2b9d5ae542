"""Recipes: settings of a method on a data set, with the expected score.

A recipe is a YAML file in this folder. It has the sections ``model``, ``data`` and ``train`` of a configuration
(see :func:`graphkit.experiments.build_config`), a ``title``, and a list ``expected`` whose entries give ``metric``,
``mean``, ``std``, ``seeds``, ``selected_on`` and ``source``: ``"measured"`` with the ``command``, or ``"published"``
with the table of the paper. If there is no score, the list is empty and a ``note`` gives the reason.

A recipe for continual learning is named ``continual-DATASET``. It also has the sections ``stream`` and ``strategies``,
and ``protocols`` with the settings that differ in another protocol. Its entries of ``expected`` also have ``strategy``,
``protocol``, ``forgetting`` and ``learning``; ``mean`` is the average performance.

A recipe for distillation is named ``distill-DATASET``. It has the sections ``teacher``, ``student``, ``data`` and
``losses``; its entries of ``expected`` also have ``network``: the teacher, the student alone or a loss.
"""

from graphkit.config.recipes.recipe import (
    continual_recipe,
    distill_recipe,
    find_recipe,
    load_recipe,
    recipe_names,
    train_recipe,
)

__all__ = ["continual_recipe", "distill_recipe", "find_recipe", "load_recipe", "train_recipe", "recipe_names"]
