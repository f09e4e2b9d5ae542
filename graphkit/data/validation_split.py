"""Which clips train, select and test, where a protocol fixes the test clips and leaves the validation open."""

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
        train: ``[G]`` bool, the training clips of the published protocol.
        test: ``[G]`` bool, its test clips.
        validation: ``"subjects"`` takes the training clips of some subjects for validation; ``"none"`` trains on all
            and has no validation, so that the last epoch counts; ``"test"`` chooses the epoch on the test clips, as
            most published figures do: results then say ``selected_on: test``.
        subject: ``[G]`` int64, who is recorded in each clip.
        held_out: The subjects that validate.
        others: What else the data set itself takes for a validation, for the error message.

    Raises:
        ValueError: If there is no such validation, or a part of the split would be empty.
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
    """Reads ``"2, 7"``."""
    try:
        return tuple(int(number) for number in text.split(",") if number.strip())
    except ValueError:
        raise InputError(f"`val_subjects` must be whole numbers with commas, such as 2,7 (got {text!r})") from None
