"""Joint layout of a skeleton: joints, bones and body axes."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphkit.errors import InputError, InputTypeError

#: Largest number of joints of a layout.
MOST_JOINTS = 1024


@dataclass(frozen=True)
class SkeletonLayout:
    """Joint layout: joints, bones, body axes and mirrored joints.

    Args:
        name (str): Name of the layout.
        joints (tuple[str, ...]): Names of the joints, in the order of the data.
        edges (tuple[tuple[int, int], ...]): Bones as ``(child, parent)``, counted from zero; they form one or several
            trees.
        center (int, optional): Joint that clips are centered on. (default: ``0``)
        up (tuple[int, ...], optional): Lower and upper joint of the vertical body axis; empty if unknown.
            (default: ``()``)
        across (tuple[int, ...], optional): Right and left shoulder, the horizontal body axis; empty if unknown.
            (default: ``()``)
        mirrored (tuple[tuple[int, int], ...], optional): Pairs of left and right joints. (default: ``()``)

    Raises:
        InputError: If a bone, an axis or a pair has an invalid joint, or the bones do not form trees.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    center: int = 0
    up: tuple[int, ...] = ()
    across: tuple[int, ...] = ()
    mirrored: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        _check_count(self.num_joints)
        axes = tuple(axis for axis in (self.up, self.across) if axis)
        for what, items in (("a bone", self.edges), ("a pair of mirrored joints", self.mirrored), ("an axis", axes)):
            for item in items:
                _joint_numbers(item, what)
                if len(item) != 2 or item[0] == item[1] or not all(0 <= joint < self.num_joints for joint in item):
                    raise InputError(
                        f"{what} of the layout '{self.name}' must name two different joints from 0 to "
                        f"{self.num_joints - 1} (got {tuple(item)})"
                    )
        _joint_numbers((self.center,), "`center`")
        if not 0 <= self.center < self.num_joints:
            raise InputError(f"`center` must be a joint from 0 to {self.num_joints - 1} (got {self.center})")
        children: set[int] = set()
        for child, _ in self.edges:
            if child in children:
                raise InputError(f"a joint must have at most one parent (got several for joint {child}); remove a bone")
            children.add(child)
        parents = self.parents
        ends = [parent < 0 for parent in parents]  # joints with a finite line of ancestors
        for first in range(self.num_joints):
            line: list[int] = []
            joint = first
            while not ends[joint] and len(line) <= self.num_joints:
                line.append(joint)
                joint = parents[joint]
            if not ends[joint]:
                raise InputError(f"bones must not form a ring (joint {first} is in or below one); leave one bone out")
            for joint in line:
                ends[joint] = True

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[Sequence[int]],
        num_joints: int | None = None,
        *,
        name: str = "own",
        joints: Sequence[str] = (),
        center: int | None = None,
        up: Sequence[int] = (),
        across: Sequence[int] = (),
        mirrored: Iterable[Sequence[int]] = (),
    ) -> "SkeletonLayout":
        """Creates a layout from a list of bones.

        Args:
            edges (Iterable[Sequence[int]]): Bones as ``(child, parent)``, counted from zero.
            num_joints (int, optional): Number of joints; if ``None``, the number of ``joints``, or one more than the
                largest joint of a bone. (default: ``None``)
            name (str, optional): Name of the layout. (default: ``"own"``)
            joints (Sequence[str], optional): Names of the joints; their numbers if empty. (default: ``()``)
            center (int, optional): Joint that clips are centered on; the first joint without a parent if ``None``.
                (default: ``None``)
            up (Sequence[int], optional): See :class:`SkeletonLayout`. (default: ``()``)
            across (Sequence[int], optional): See :class:`SkeletonLayout`. (default: ``()``)
            mirrored (Iterable[Sequence[int]], optional): See :class:`SkeletonLayout`. (default: ``()``)

        Raises:
            InputError: If the bones do not match the joints or do not form trees.

        Example:
            >>> SkeletonLayout.from_edges([(1, 0), (2, 0), (3, 2)]).parents
            (-1, 0, 0, 2)
        """
        bones = tuple(_joint_numbers(bone, "a bone") for bone in _items(edges, "edges"))
        pairs = tuple(_joint_numbers(pair, "a pair of mirrored joints") for pair in _items(mirrored, "mirrored"))
        if isinstance(joints, str):
            raise InputTypeError(f"`joints` must be a list of names (got '{joints[:40]}')")
        if num_joints is not None:
            (num_joints,) = _joint_numbers((num_joints,), "`num_joints`")
        else:
            num_joints = len(joints) or 1 + max((max(bone) for bone in bones if bone), default=-1)
        if num_joints < 1:
            raise InputError("a layout needs at least one joint (got none); give bones, or `num_joints`")
        _check_count(num_joints)
        if joints and len(joints) != num_joints:
            raise InputError(f"`joints` must name all {num_joints} joints (got {len(joints)} names)")
        if center is None:
            children = {bone[0] for bone in bones if bone}
            center = next((joint for joint in range(num_joints) if joint not in children), 0)
        return cls(
            name,
            tuple(map(str, joints)) or tuple(str(joint) for joint in range(num_joints)),
            bones,  # type: ignore[arg-type]
            center,
            _joint_numbers(up, "`up`"),
            _joint_numbers(across, "`across`"),
            pairs,  # type: ignore[arg-type]
        )

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def parents(self) -> tuple[int, ...]:
        """Parent of every joint; -1 without a parent."""
        parents = [-1] * self.num_joints
        for child, parent in self.edges:
            parents[child] = parent
        return tuple(parents)

    def __repr__(self) -> str:
        return f"SkeletonLayout({self.name}, {self.num_joints} joints, {len(self.edges)} bones)"


def _items(values: Any, name: str) -> list[Any]:
    """Returns the items of a list of pairs."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InputTypeError(f"`{name}` must be a list of pairs of joints (got {values!r:.40})")
    return list(values)


def _joint_numbers(values: Any, what: str) -> tuple[int, ...]:
    """Returns joint numbers as a tuple."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InputTypeError(f"{what} must name joints by their numbers (got {values!r:.40})")
    try:
        return tuple(operator.index(value) for value in values)
    except TypeError:
        raise InputTypeError(f"{what} must name joints by whole numbers, counted from 0 (got {values!r:.40})") from None


def _check_count(joints: int) -> None:
    if joints > MOST_JOINTS:
        raise InputError(
            f"a layout has at most {MOST_JOINTS} joints (got {joints:,}); number the joints from 0 without gaps"
        )
