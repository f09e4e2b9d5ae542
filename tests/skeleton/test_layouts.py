import re

import pytest

from graphkit.skeleton import SkeletonLayout, get_layout, layout_names

#: The bones of NTU RGB+D as they are published, counted from one: child-parent.
NTU = (
    "1-2 2-21 3-21 4-3 5-21 6-5 7-6 8-7 9-21 10-9 11-10 12-11 13-1 14-13 15-14 16-15 17-1 18-17 19-18 20-19 22-23 23-8 "
    "24-25 25-12"
)


@pytest.mark.parametrize(
    ("name", "joints", "root"),
    [("coco-17", 17, 0), ("h36m-17", 17, 0), ("ntu-25", 25, 20), ("nw-ucla-20", 20, 2), ("openpose-18", 18, 1)],
)
def test_a_layout_is_one_tree_whose_halves_mirror_each_other(name: str, joints: int, root: int) -> None:
    layout = get_layout(name)
    assert name in layout_names() and layout.name == name
    assert layout.num_joints == len(set(layout.joints)) == joints
    assert [joint for joint, parent in enumerate(layout.parents) if parent < 0] == [root]
    mirror = {a: b for pair in layout.mirrored for a, b in (pair, pair[::-1])}
    for a, b in mirror.items():
        assert layout.joints[b] == _other_side(layout.joints[a])
        parent = layout.parents[a]
        assert layout.parents[b] == mirror.get(parent, parent)
    assert all(joint in mirror for joint, text in enumerate(layout.joints) if text.startswith(("left ", "right ")))
    for axis in (layout.up, layout.across):
        assert not axis or len(axis) == 2
    assert not layout.across or [layout.joints[joint] for joint in layout.across] == ["right shoulder", "left shoulder"]


def _other_side(name: str) -> str:
    return name.replace("left", "right") if "left" in name else name.replace("right", "left")


def test_ntu_has_the_published_bones() -> None:
    pairs = [tuple(int(joint) - 1 for joint in bone.split("-")) for bone in NTU.split()]
    assert sorted(pairs) == sorted(get_layout("ntu-25").edges)


def test_an_unknown_layout_is_refused_with_the_closest_one() -> None:
    with pytest.raises(ValueError, match="unknown joint layout 'ntu-52'; did you mean 'ntu-25'"):
        get_layout("ntu-52")


def test_a_layout_from_edges_finds_its_size_its_root_and_its_parents() -> None:
    layout = SkeletonLayout.from_edges([(0, 1), (2, 1), [3, 2]])
    assert (layout.num_joints, layout.center, layout.parents) == (4, 1, (1, -1, 1, 2))
    assert layout.joints == ("0", "1", "2", "3") and "own, 4 joints, 3 bones" in repr(layout)
    two_hands = SkeletonLayout.from_edges([(1, 0), (3, 2)], joints=("a", "b", "c", "d", "e"), name="hands")
    assert two_hands.parents == (-1, 0, -1, 2, -1) and two_hands.name == "hands"
    assert SkeletonLayout.from_edges([], 1).num_joints == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(edges=[(1, 0), (4, 1)], num_joints=3), "a bone of the layout 'own' must name two different joints"),
        (dict(edges=[(1, 1)]), "a bone of the layout 'own' must name two different joints from 0 to 1 (got (1, 1))"),
        (dict(edges=[(1, 0, 2)]), "a bone of the layout 'own' must name two different joints from 0 to 2"),
        (dict(edges=[(1, 0), (1, 2)]), "a joint must have at most one parent (got several for joint 1)"),
        (dict(edges=[(0, 1), (1, 2), (2, 0), (3, 2)]), "bones must not form a ring (joint 0 is in or below one)"),
        (dict(edges=[]), "a layout needs at least one joint (got none)"),
        (dict(edges=[(1, 0)], joints=["a"], num_joints=2), "`joints` must name all 2 joints (got 1 names)"),
        (dict(edges=[(1, 0)], center=2), "`center` must be a joint from 0 to 1 (got 2)"),
        (dict(edges=[(1, 0)], up=(0, 5)), "an axis of the layout 'own' must name two different joints"),
        (dict(edges=[(1, 0)], mirrored=[(0, 0)]), "a pair of mirrored joints of the layout 'own' must name two"),
    ],
)
def test_edges_that_make_no_skeleton_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        SkeletonLayout.from_edges(**arguments)
