"""Preprocessing of new clips in the same way as the training clips of a model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data.clips import ClipCollection
from graphkit.data.loading import is_path, options
from graphkit.data.recordings import prepared_clips
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.errors import InputError
from graphkit.files import PARSER_ERRORS
from graphkit.skeleton import STREAMS, Clip, SkeletonLayout, gather_clips
from graphkit.skeleton.clip import MOST_FRAMES, MOST_PERSONS, check_coordinates
from graphkit.skeleton.prepare import CENTRES
from graphkit.skeleton.readers.clip_file import read_clip_file
from graphkit.skeleton.readers.kinetics import prepare_kinetics
from graphkit.skeleton.readers.ntu import BODIES, prepare_ntu
from graphkit.skeleton.seen import mark_root


@dataclass(frozen=True)
class ClipForm:
    """Preprocessing of clips, from raw coordinates to the input of a model.

    Args:
        layout (SkeletonLayout): Joints and bones.
        channels (int): Number of channels per joint: coordinates and others, such as a confidence.
        persons (int): Number of persons P.
        classes (tuple[str, ...]): Names of the actions.
        stream (str, optional): Input stream, see :func:`graphkit.skeleton.make_stream`. (default: ``"joint"``)
        coordinates (int, optional): Number of channels that are coordinates. (default: ``3``)
        frames (int, optional): Number of frames per clip; 0 for variable length. (default: ``0``)
        fit (str, optional): Conversion to ``frames``, see :class:`~graphkit.data.ClipCollection`. (default:
            ``"resample"``)
        center (str, optional): Origin of the coordinates, see :func:`graphkit.skeleton.center`. (default: ``"none"``)
        align (bool, optional): Rotates clips, see :func:`graphkit.skeleton.align`. (default: ``False``)
        box (bool, optional): Scales clips to a box, see :func:`graphkit.skeleton.fit_box`. (default: ``False``)
        recorded (str, optional): ``"ntu"`` or ``"kinetics"`` for the preprocessing of these data sets; else empty.
            (default: ``""``)
        bodies (str, optional): Selection of persons in a ``.skeleton`` file, see
            :func:`graphkit.skeleton.readers.ntu.read_skeleton_file`. (default: ``"tracked"``)
    """

    layout: SkeletonLayout
    channels: int
    persons: int
    classes: tuple[str, ...]
    stream: str = "joint"
    coordinates: int = 3
    frames: int = 0
    fit: str = "resample"
    center: str = "none"
    align: bool = False
    box: bool = False
    recorded: str = ""
    bodies: str = "tracked"

    def __post_init__(self) -> None:
        chosen = {"stream": STREAMS, "fit": ("resample", "repeat"), "center": CENTRES,
                  "recorded": ("", "ntu", "kinetics"), "bodies": BODIES}  # fmt: skip
        limits = {"channels": (1, 1024), "persons": (1, MOST_PERSONS), "coordinates": (1, 1024),
                  "frames": (0, MOST_FRAMES)}  # fmt: skip
        wrong = [key for key, values in chosen.items() if getattr(self, key) not in values]
        wrong += [key for key, (low, high) in limits.items()
                  if type(getattr(self, key)) is not int or not low <= getattr(self, key) <= high]  # fmt: skip
        wrong += [key for key in ("align", "box") if type(getattr(self, key)) is not bool]
        if not self.classes or not all(isinstance(name, str) for name in self.classes):
            wrong.append("classes")
        if wrong or self.coordinates > self.channels:
            key = (wrong or ["coordinates"])[0]
            raise InputError(f"the form of clips is damaged (`{key}` is {getattr(self, key)!r:.40}); export again")

    @classmethod
    def of_dataset(cls, dataset: SkeletonDataset, name: str, given: Mapping[str, Any]) -> "ClipForm":
        """Returns the preprocessing of the clips of a data set.

        Args:
            dataset (SkeletonDataset): The data set.
            name (str): Name or path of the data set.
            given (dict): Options the data set was loaded with; others have their defaults.
        """
        taken = {**options(name), **given}
        clips = dataset.graphs
        sets = () if is_path(name) else ("ntu", "kinetics")
        return cls(
            layout=dataset.layout,
            channels=dataset.num_features,
            persons=dataset.num_persons,
            classes=dataset.class_names or tuple(map(str, range(dataset.num_outputs))),
            stream=clips.stream,
            coordinates=clips.coordinates,
            frames=clips.frames,
            fit=clips.fit,
            center=taken.get("center", "none"),
            align=taken.get("align", False),
            box=clips.box,
            recorded=next((kind for kind in sets if name.startswith(kind)), ""),
            bodies=taken.get("bodies", "tracked"),
        )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ClipForm":
        """Creates the preprocessing from the output of :meth:`to_dict`.

        Raises:
            InputError: If a key is missing or unknown.
        """
        try:
            layout = dict(content["layout"])
            for key in ("joints", "up", "across"):
                layout[key] = tuple(layout[key])
            for key in ("edges", "mirrored"):
                layout[key] = tuple((int(a), int(b)) for a, b in layout[key])
            kwargs = {**content, "layout": SkeletonLayout(**layout), "classes": tuple(content["classes"])}
            return cls(**kwargs)
        except InputError:
            raise
        except PARSER_ERRORS as error:
            raise InputError(f"the form of clips is damaged ({type(error).__name__}: {error}); export again") from None

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as JSON-serializable values."""
        return asdict(self)

    def read(self, path: Path) -> Clip:
        """Reads the file of a clip, up to the steps for frames, boxes and streams.

        Raises:
            InputError: If the file is not a clip of this form.
        """
        x = read_clip_file(path, self.layout, self.channels, self.bodies)
        check_coordinates(x, f"'{path}'")
        if self.recorded == "ntu":
            x = prepare_ntu([x.astype(np.float64)])[0]
        elif self.recorded == "kinetics":
            x = prepare_kinetics(x, self.persons)
        if x.shape[1] > self.persons:
            raise InputError(
                f"'{path}' must have at most {self.persons} person(s), as in training "
                f"(got {x.shape[1]}); leave the others out"
            )
        if not self.recorded:
            x = mark_root(x, self.layout.center)
        x = np.pad(x, ((0, 0), (0, self.persons - x.shape[1]), (0, 0), (0, 0)))
        return Clip(path.name, x.astype(np.float32))

    def collect(self, clips: list[Clip]) -> ClipCollection:
        """Returns clips as a collection."""
        store = gather_clips(clips)
        collection = prepared_clips(
            store, self.layout, self.stream, self.frames, self.center, self.align, self.coordinates, self.box
        )
        collection.fit = self.fit
        return collection
