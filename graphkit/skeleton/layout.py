"""Layout of a skeleton: joints, and bones that join a child to its parent."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphkit.errors import InputError, InputTypeError

#: Most joints of a layout: models hold matrices of joints by joints.
MOST_JOINTS = 1024


@dataclass(frozen=True)
class SkeletonLayout:
    """The joints of a skeleton, how bones join them, and which of them say where up and across are.

    Args:
        name: What the layout is called.
        joints: Names of the joints, in the order of the data.
        edges: Bones as ``(child, parent)``, both counted from zero. A joint has at most one parent, and no joint is its
            own ancestor: bones form a tree, or several.
        center: The joint that clips are centered on.
        up: Two joints, from the lower to the upper one, between which the body's vertical axis runs; empty if unknown.
        across: Two joints, from the right to the left shoulder, along the body's horizontal axis; empty if unknown.
        mirrored: Pairs of joints that change places in a mirror.

    Raises:
        ValueError: If a bone, an axis or a pair names a joint that does not exist, or bones do not form trees.
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
        ends = [parent < 0 for parent in parents]  # joints whose line of ancestors is known to end
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
        """Makes a layout of a user's own.

        Args:
            edges: Bones as ``(child, parent)``, both counted from zero.
            num_joints: Number of joints; by default as many as ``joints`` names, or as the bones reach.
            name: What the layout is called.
            joints: Names of the joints; by default their numbers.
            center: The joint that clips are centered on; by default the first joint without a parent.
            up: See :class:`SkeletonLayout`.
            across: See :class:`SkeletonLayout`.
            mirrored: See :class:`SkeletonLayout`.

        Raises:
            ValueError: If the bones do not fit the joints or do not form trees.

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
        """The parent of every joint, -1 where there is none."""
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
    """Returns whole numbers as a tuple."""
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
