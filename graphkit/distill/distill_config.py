"""Configuration of distillation: one student, or a comparison of several losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from graphkit.coercion import Range, coerce
from graphkit.config.layers import merge
from graphkit.distill.loss import DistillationLoss
from graphkit.errors import InputError
from graphkit.nn.model_settings import ModelSettings, model_options
from graphkit.registry import canonical_loss, get_loss, loss_names, unknown_name
from graphkit.screen import shown
from graphkit.settings import UNSET, Section, check_keys, check_sections, section_class, signature_settings, within
from graphkit.training.train_config import Count, RunConfig, TrainConfig, TrainSettings, read_data, read_model

D = TypeVar("D", bound="DistillConfig")
T = TypeVar("T", bound="StudentConfig")

#: Names of the two networks of every comparison.
TEACHER, ALONE = "teacher", "alone"
#: Arguments of the losses that follow from the two networks.
_OF_NETWORKS = ("student_channels", "teacher_channels")
#: Fields of :class:`LossSettings` that are no arguments of the loss.
_OF_PAIR = ("name", "layers", "weight", "active_epochs")
#: Options of models that are widths; a student has half of those of its teacher.
_WIDTHS = ("hidden_channels", "channels")


@dataclass(frozen=True)
class LossSettings(Section):
    """Settings of one distillation loss.

    :func:`loss_settings_class` adds the arguments of the class of the loss.

    Args:
        name: Registered name of the loss.
        layers: Layers of teacher and student, such as ``"conv2:conv3"``; a single name is used for both, ``None`` for
            the last hidden layers.
        weight: Weight of the loss; ``None`` for the default of its class.
        active_epochs: Number of epochs, from the first, in which the loss is added; ``None`` for all.
    """

    name: str = "lsp"
    layers: str | None = UNSET
    weight: Annotated[float, Range(0)] | None = UNSET
    active_epochs: Count | None = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        self.layer_names  # noqa: B018 (checks the form)
        try:
            self.make()
        except InputError as error:
            raise InputError(f"`losses.{self.name}`: {error}") from None

    @property
    def loss_class(self) -> type[DistillationLoss]:
        """Class of the loss."""
        loss_class: type[DistillationLoss] = get_loss(self.name)
        return loss_class

    @property
    def layer_names(self) -> tuple[str, str] | None:
        """Layers of teacher and student; ``None`` if they are not set."""
        if self.layers in (None, UNSET):
            return None
        names = self.layers.split(":")
        if len(names) > 2 or not all(layer.strip() for layer in names):
            form = "must read TEACHER:STUDENT, such as conv2:conv3"
            raise InputError(f"`losses.{self.name}.layers` {form} (got {self.layers!r})")
        return names[0].strip(), names[-1].strip()

    def make(self, **defaults: object) -> DistillationLoss:
        """Returns the loss.

        Args:
            defaults: Arguments of its class that are used if they are not set.
        """
        return self.loss_class(**{**defaults, **self.given(*_OF_PAIR)})


@cache
def loss_settings_class(name: str) -> type[LossSettings]:
    """Returns the settings class of a loss: the arguments of its class as fields.

    Raises:
        InputError: If there is no such loss; the message names the closest one.
    """
    cls = get_loss(name)
    options = signature_settings(cls.__init__, _OF_NETWORKS)
    return section_class(f"{cls.__name__}Settings", LossSettings, options, f"losses.{name}")


@dataclass(frozen=True)
class DistillSettings(Section):
    """Section ``distill`` of the configuration of a student.

    Args:
        teacher: Run folder of the teacher.
        losses: Distillation losses.
    """

    section: ClassVar[str] = "distill"
    teacher: str = ""
    losses: tuple[LossSettings, ...] = ()

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "DistillSettings":
        """Returns the section from a mapping."""
        check_keys("distill", given, ("teacher", "losses"))
        teacher, losses = given.get("teacher"), given.get("losses")
        if not isinstance(teacher, str) or not teacher:
            raise InputError(f"`distill.teacher` must be the folder of a run that has ended (got {shown(teacher)})")
        if isinstance(losses, str | bytes) or not isinstance(losses, Sequence) or not losses:
            example = "[{name: lsp, weight: 10}]"
            raise InputError(f"`distill.losses` must be a list, such as {example} (got {shown(losses)})")
        return cls(teacher=teacher, losses=tuple(_read_loss(entry) for entry in losses))


@dataclass(frozen=True)
class StudentConfig(TrainConfig):
    """Configuration of a student that is trained with distillation losses.

    Args:
        distill: The teacher and the losses.
    """

    free_settings: ClassVar[tuple[str, ...]] = (*TrainConfig.free_settings, "distill.teacher")
    distill: DistillSettings = DistillSettings()

    @classmethod
    def read(cls: type[T], given: Mapping[str, Any]) -> T:
        """Returns the configuration from a mapping."""
        rest = {key: value for key, value in given.items() if key != "distill"}
        base = TrainConfig.read(rest)
        settings = DistillSettings.read(given["distill"])
        return cls(**base.given(), distill=settings)


@dataclass(frozen=True)
class NetworkSettings(Section):
    """Section ``teacher`` or ``student`` of a comparison.

    Args:
        model: The model; unset if ``run`` is set.
        train: Settings of its training; unset if ``run`` is set.
        run: Run folder of a trained teacher; unset otherwise.
    """

    model: ModelSettings = UNSET
    train: TrainSettings = UNSET
    run: str = UNSET

    @property
    def is_trained(self) -> bool:
        """``True`` for a trained teacher, given by its run folder."""
        return self.run is not UNSET


@dataclass(frozen=True)
class DistillConfig(RunConfig):
    """Configuration of ``graphkit distill``.

    The networks are a teacher, a student without a teacher, and one student per loss.

    Args:
        teacher: The teacher, already trained or to be trained.
        student: The student.
        losses: Settings of the losses by name; each trains its own student.
    """

    command: ClassVar[str] = "distill"
    teacher: NetworkSettings = NetworkSettings()
    student: NetworkSettings = NetworkSettings()
    losses: Mapping[str, LossSettings] = UNSET

    @classmethod
    def read(cls: type[D], given: Mapping[str, Any], teacher: TrainConfig | None = None) -> D:
        """Returns the configuration from a mapping.

        The settings of the teacher's training are the defaults of the student's. If both have the same model, the
        student also takes the teacher's options, and half of its width.

        Args:
            given: The settings, see :func:`graphkit.config.layers.merge`.
            teacher: Configuration of the teacher in the run folder ``teacher.run``.

        Raises:
            InputError: If a name or key is unknown (the message names the closest one) or a value has a wrong type.
        """
        check_sections(cls, given)
        networks = {"teacher": ("run", "model", "train"), "student": ("model", "train")}
        for section, keys in networks.items():
            check_keys(section, given.get(section, {}), keys)
        of_teacher, of_student = given.get("teacher", {}), given.get("student", {})
        plain = {key: given[key] for key in ("seed", "seeds", "device", "recipe") if key in given}
        data = given.get("data", {})
        if teacher is not None:
            source = NetworkSettings(run=str(Path(of_teacher["run"]).expanduser().resolve()))
            plain = {"seed": teacher.seed, "seeds": teacher.seeds, **plain}
            if data.get("name", teacher.data.name) == teacher.data.name:
                data = {**teacher.data.to_dict(), **data}
        else:
            defaults = {"data": {"name": "cora"}, "model": {"name": "gat"}}
            layer = {key: of_teacher[key] for key in ("model", "train") if key in of_teacher}
            with within("teacher"):
                teacher = TrainConfig.read(merge(defaults, {"data": data}, layer))
            source = NetworkSettings(model=teacher.model, train=teacher.train)
            data = teacher.data.to_dict()
        with within("student"):
            train = TrainSettings.read({**teacher.train.to_dict(), **of_student.get("train", {})})
            model = read_model(_student_options(of_student.get("model", {}), teacher.model))
        losses = given.get("losses") or {"lsp": {}}
        return cls(
            data=read_data(data),
            teacher=source,
            student=NetworkSettings(model=model, train=train),
            losses={name: read_loss(name, options or {}) for name, options in losses.items()},
            **plain,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as plain Python values.

        A loss does not repeat its name.
        """
        values = super().to_dict()
        losses = {name: {k: v for k, v in loss.items() if k != "name"} for name, loss in values["losses"].items()}
        return {**values, "losses": losses}

    def networks(self, folder: Path) -> dict[str, TrainConfig]:
        """Returns the configurations of all networks to be trained, by name, in order.

        Args:
            folder: Run folder, which contains the teacher if it is trained in this run.
        """
        common: dict[str, Any] = {"data": self.data, "seed": self.seed, "seeds": self.seeds, "device": self.device}
        networks: dict[str, TrainConfig] = {}
        if not self.teacher.is_trained:
            networks[TEACHER] = TrainConfig(model=self.teacher.model, train=self.teacher.train, **common)
        student: dict[str, Any] = {"model": self.student.model, "train": self.student.train, **common}
        networks[ALONE] = TrainConfig(**student)
        teacher = self.teacher.run if self.teacher.is_trained else str((folder / TEACHER).resolve())
        for name, loss in self.losses.items():
            networks[name] = StudentConfig(**student, distill=DistillSettings(teacher, (loss,)))
        return networks


def read_loss(name: str, options: Mapping[str, Any]) -> LossSettings:
    """Returns the settings of one loss.

    Raises:
        InputError: If the loss or an option is unknown (the message names the closest one) or a value has a wrong type.
    """
    return loss_settings_class(name).read({**options, "name": name})


def _read_loss(entry: Any) -> LossSettings:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise InputError(f"a loss of `distill.losses` must have a name, such as {{name: lsp}} (got {shown(entry)})")
    name = canonical_loss(entry["name"])
    return read_loss(name, entry)


def _student_options(given: Mapping[str, Any], teacher: ModelSettings) -> dict[str, Any]:
    """Returns the model options of the student: the teacher's with half the width."""
    name = coerce("model.name", given.get("name", teacher.name), str)
    options = {**(teacher.to_dict() if name == teacher.name else {}), **given, "name": name}
    allowed = model_options(name)
    for key in _WIDTHS:  # one width, or one per stage
        default = model_options(teacher.name)[key].default if key in model_options(teacher.name) else None
        width = getattr(teacher, key, UNSET)
        width = default if width is UNSET else width
        if key in allowed and key not in given and isinstance(width, int | list | tuple):
            options[key] = max(1, width // 2) if isinstance(width, int) else [max(1, item // 2) for item in width]
    return options


def chosen_losses(names: str) -> list[str]:
    """Returns the names of losses in a list such as ``"lsp,kd"``, or in ``"all"``.

    Raises:
        InputError: If there is no such loss.
    """
    if names.strip() == "all":
        return loss_names()
    chosen = [canonical_loss(name.strip()) for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in loss_names():
            raise unknown_name("distillation loss", name, [*loss_names(), "all"])
    if not chosen:
        raise InputError(f"there must be a distillation loss, such as lsp (got {names!r})")
    return list(dict.fromkeys(chosen))
