"""Validation splits of recordings, for protocols that define only the test clips."""

from collections.abc import Collection

from torch import Tensor

from graphkit.data.dataset import Split
from graphkit.errors import InputError

VALIDATIONS = ("subjects", "none", "test")


def held_out_split(
    train: Tensor,
    test: Tensor,
    validation: str,
    subject: Tensor,
    held_out: Collection[int],
    others: Collection[str] = (),
) -> tuple[Split, str]:
    """Returns the split and the protocol of a data set of recordings.

    Args:
        train (Tensor): ``[G]`` bool, training clips of the published protocol.
        test (Tensor): ``[G]`` bool, test clips.
        validation (str): ``"subjects"`` holds out the training clips of some subjects for validation; ``"none"`` trains
            on all clips until the last epoch; ``"test"`` selects the epoch on test clips, as most publications do
            (``selected_on: test``).
        subject (Tensor): ``[G]`` int64, recorded subject of each clip.
        held_out (set[int]): Validation subjects.
        others (list[str], optional): Further values of ``validation`` that the data set accepts, for the error message.

    Raises:
        InputError: If ``validation`` is unknown, or a subset would be empty.
    """
    if validation not in VALIDATIONS:
        choices = ", ".join((*VALIDATIONS, *others))
        raise InputError(f"`validation` must be one of {choices} (got {validation!r})")
    ids = {"train": train, "val": train & ~train, "test": test}
    if validation == "test":
        ids["val"] = test
    elif validation == "subjects":
        chosen = sum((subject == one for one in held_out), train & ~train)
        ids["train"], ids["val"] = train & ~chosen, train & chosen
        for subset in ("train", "val"):
            if not bool(ids[subset].any()):
                who = ", ".join(map(str, sorted(held_out)))
                raise InputError(f"the subjects {who} leave no clip for {subset}; choose others with `val_subjects`")
    split = Split(*(ids[subset].nonzero().view(-1) for subset in ("train", "val", "test")))
    return split, "test" if validation == "test" else "validation"


def subject_numbers(text: str) -> tuple[int, ...]:
    """Parses a list of subjects such as ``"2, 7"``."""
    try:
        return tuple(int(number) for number in text.split(",") if number.strip())
    except ValueError:
        raise InputError(f"`val_subjects` must be whole numbers with commas, such as 2,7 (got {text!r})") from None
