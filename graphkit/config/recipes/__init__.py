"""Recipes: settings for a method on a data set, with the score to expect and where it comes from.

A recipe is a YAML file in this folder. It has the parts ``model``, ``data`` and ``train`` of a configuration
(see :func:`graphkit.experiments.build_config`), a ``title``, and a list ``expected`` whose entries give ``metric``,
``mean``, ``std``, ``seeds``, ``selected_on`` and ``source``: ``"measured"`` with the ``command``, or ``"published"``
with the table it was read from. Where no figure is known, the list is empty and a ``note`` says so.

A recipe for a stream of tasks is named ``continual-DATASET``. It also has the parts ``stream`` and ``strategies``, and
``protocols`` with what another protocol changes. Its entries of ``expected`` say which ``strategy`` and ``protocol``
they are of; ``mean`` is the average performance, and ``forgetting`` and ``learning`` stand beside it.

A recipe for distillation is named ``distill-DATASET``. It has the parts ``teacher``, ``student``, ``data`` and
``losses``, and its entries of ``expected`` say which ``network`` they are of: the teacher, the student alone or a loss.
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
