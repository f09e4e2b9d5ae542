import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch
import yaml

from graphkit.coercion import Range, coerce
from graphkit.errors import InputError
from graphkit.plain_yaml import MAX_DEPTH, MAX_TEXT, MAX_VALUES, parse_yaml
from graphkit.screen import shown
from graphkit.settings import signature_settings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1.5", -1.5),
        ("true", True),
        ("~", None),
        ("", None),
        ("[a, 1]", ["a", 1]),
        ("{a: {b: 2}}", {"a": {"b": 2}}),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
        ("&x [1, 2]", [1, 2]),
        ("[&x [1], *x]", [[1], [1]]),
        # what YAML 1.1 reads as something else
        ("010", "010"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("on", "on"),
        ("<<", "<<"),
        ("none", "none"),
    ],
)
def test_plain_words_of_yaml(text: str, value: Any) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    "value", ["010", "on", "1e-3", "1:30", "2024-01-01", "9" * 30, "~", 1e-05, 10**18, -0.5, "=", ""]
)
def test_what_pyyaml_writes_reads_the_same(value: Any) -> None:
    assert parse_yaml(yaml.safe_dump({"a": value})) == {"a": value}


def _bomb() -> str:
    rows = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join(rows + [f"- &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_bomb(), f"at most {MAX_VALUES:,} values, aliases expanded"),
        ("&a [*a]", f"at most {MAX_DEPTH} levels"),
        ("[" * 50_000, f"at most {MAX_DEPTH} levels"),
        ("- " * 40_000, f"at most {MAX_DEPTH} levels"),
        ("x" * (MAX_TEXT + 1), f"at most {MAX_TEXT:,} characters"),
        ("{a: 1, a: 2}", "the key 'a' is there twice"),
        ("{[1]: 2}", "a key must be text"),
        ("!!python/object:os.system {}", "leave out the tag"),
        ("!!int 0o9", "leave out the tag"),
        ("!!set {a}", "leave out the tag"),
    ],
)
def test_yaml_is_limited(text: str, message: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(InputError, match=message):
        parse_yaml(text)
    assert time.perf_counter() - begin < 60  # only a guard against an expansion without end


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("1e-3", float, 0.001),
        (4.0, int, 4),
        ("010", int, 10),
        (2**60 + 1, int, 2**60 + 1),
        ("4, 1", tuple[int, ...], [4, 1]),
        (4, Sequence[int], [4]),
        ("conv1, conv2", list[str] | None, ["conv1", "conv2"]),
        ("none", list[str] | None, None),
        ("Null", int | None, None),
        ("~", Annotated[int, Range(1)] | None, None),
        (None, Literal["none", "step"], "none"),
        ("none", str | Path | None, "none"),
        ("", str | Path | None, None),
        ("0.6,0.2,0.2", str | Sequence[float], "0.6,0.2,0.2"),
        ([0.5, "0.5"], str | Sequence[float], [0.5, 0.5]),
        (np.array([0.5, 2]), Literal["a"] | Sequence[float] | None, [0.5, 2.0]),
        (torch.tensor([0.5, 2]), Literal["a"] | Sequence[float] | None, [0.5, 2.0]),
        ({"a": 1}, Any, {"a": 1}),
    ],
)
def test_a_value_comes_in_the_type_of_its_hint(value: Any, hint: Any, expected: Any) -> None:
    coerced = coerce("a.b", value, hint)
    assert coerced == expected and type(coerced) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        ("abc", int | None, r"`a.b` must be a whole number, or none \(got 'abc'\)"),
        (True, int, r"`a.b` must be a whole number \(got True\)"),
        (float("nan"), float, r"`a.b` must be a number \(got nan\)"),
        ([1], float, r"`a.b` must be a number \(got \[1\]\)"),
        (10**400, float, "`a.b` must be a number"),
        ("9" * 400, int, "`a.b` must be a whole number"),
        (1e300, float, r"`a.b` must be a number of at most 1e\+30"),
        (0, Annotated[int, Range(1)], r"`a.b` must be at least 1 \(got 0\)"),
        (0, Annotated[float, Range(0, open_low=True)], "must be positive"),
        (-1, Annotated[int, Range(0)], "must not be negative"),
        (2e6, Annotated[float, Range(0, 1e6)], "must be at most 1,000,000"),
        (1, Annotated[float, Range(0, 1, open_high=True)], r"must lie in \[0, 1\)"),
        ("adm", Literal["adam", "sgd"], r"must be one of adam, sgd \(got 'adm'\)"),
        (5, str | None, "must be text, or none"),
        ("a\0b", str, "without null characters"),
        ("yes", bool, "must be true or false .got"),
        ("maybe", bool | None, "must be true, false or none .got 'maybe'.$"),
        ("a,[", Sequence[Any], "`a.b` must be a list"),
        (None, Sequence[int], "`a.b` must be a list .got None"),
        ([1, "x"], Sequence[int], r"`a.b` must be a whole number \(got 'x'\)"),
    ],
)
def test_another_value_is_one_line_with_the_key(value: Any, hint: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        coerce("a.b", value, hint)
    assert "\n" not in str(error.value)


def test_a_whole_number_of_thousands_of_digits_is_one_line() -> None:
    with pytest.raises(InputError, match=r"must be a whole number below 2\*\*63 \(got a number of too many digits\)"):
        coerce("a.b", 10**5000, int)


def test_settings_of_a_signature() -> None:
    class Model:
        def __init__(self, width: int, heads: "int | None" = None, **options: Any) -> None: ...

    settings = signature_settings(Model.__init__, ("width",))
    assert list(settings) == ["heads"] and settings["heads"].hint == int | None and settings["heads"].default is None


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 1000)) == 60 and shown([1]) == "[1]"


def test_an_option_that_is_not_set_stays_so_in_copies() -> None:
    import copy
    import pickle

    from graphkit.settings import UNSET

    for same in (copy.copy(UNSET), copy.deepcopy([UNSET])[0], pickle.loads(pickle.dumps(UNSET))):
        assert same is UNSET
