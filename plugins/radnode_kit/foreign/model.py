"""A model of somebody else's, as its reader understood it and before it is written as a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from node.claims import Accepts, Code
from node.errors import PluginError
from radnode_kit.chest_codes import NOTHING, CodedFinding, coded, key

NOT_MEASURED = "not measured: run `radnode evaluate`"
DEFAULT_THRESHOLD = 0.5

#: Frontal chest films; what CheXNet and TorchXRayVision were made for.
CHEST_FILMS = Accepts(
    modality=("CR", "DX"),
    body_part=("CHEST", "THORAX", "LUNG", "CHESTABDOMEN"),
    view=("AP", "PA", "FRONTAL"),
    exclude_image_type=("LOCALIZER",),
)


@dataclass(frozen=True)
class Wish:
    """What the operator says on the command line, beyond the file.

    Attributes:
        name: of the plugin, lower case words joined by hyphens.
        labels: of the outputs, in order, ``label`` or ``label=VALUE:SCHEME:MEANING``; empty: those that the kind knows.
        size: side of the square input in pixels; 0: what the file or the kind says.
        fit: ``squash`` (the whole image on the square) or ``letterbox`` (with its aspect ratio, black beside it).
        mean: subtracted from pixels in 0..1, for each channel; empty: what the file or the kind says.
        deviation: what they are then divided by.
        activation: ``auto``, ``sigmoid``, ``softmax``, or ``none`` when the outputs are probabilities already.
        modality: values of (0008,0060) that the plugin may be given.
        series_number: of the plugin's first result series; 0: chosen from the name, 9100 to 9990.
        trust_code: the operator allows that the model's own code runs during the import.
    """

    name: str
    labels: tuple[str, ...] = ()
    size: int = 0
    fit: str = "squash"
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    activation: str = "auto"
    modality: tuple[str, ...] = ()
    series_number: int = 0
    trust_code: bool = False


@dataclass(frozen=True)
class Input:
    """What the network is given.

    Attributes:
        size: side of the square in pixels.
        channels: 1 grey, 3 colour; a grey image goes to all three.
        mean: (channels,), subtracted from pixels in 0..1.
        deviation: (channels,), what they are then divided by.
        fit: see :class:`Wish`.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    fit: str = "squash"


@dataclass(frozen=True)
class Label:
    """One output.

    Attributes:
        finding: key, words and code.
        threshold: probability from which it counts as present; None: the model does not assess it.
        source: where the threshold comes from.
    """

    finding: CodedFinding
    threshold: float | None = DEFAULT_THRESHOLD
    source: str = "no operating point came with the model: 0.5"


@dataclass(frozen=True)
class Origin:
    """The files it was read from.

    Attributes:
        kind: ``chexnet``, ``torchxrayvision``, ``monai`` or ``onnx``.
        what: of what these files are, one sentence for the card.
        files: name -> sha256 of every file.
        licence: SPDX expression, as far as the files say; the source's own terms apply.
    """

    kind: str
    what: str
    files: Mapping[str, str]
    licence: str = "LicenseRef-unknown"

    @property
    def digest(self) -> str:
        """The sha256 of a single file; of the list of files otherwise."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        return sha256("".join(f"{v}  {k}\n" for k, v in sorted(self.files.items())).encode()).hexdigest()


@dataclass(frozen=True)
class ForeignModel:
    """Everything that a plugin's folder is written from.

    Attributes:
        wish: what the operator asked for.
        title: one line for people.
        origin: where it comes from.
        input: what the network is given.
        labels: of the outputs, in order.
        accepts: which series it may be given.
        network: the table ``network_def`` of ``inference.json``.
        save: writes the weight files below a folder.
        exact: the network's maps add up to its logits.
        exclusive: probabilities are a softmax; otherwise each is a sigmoid.
        notes: sentences for the card: what differs from the published use, what is not known.
    """

    wish: Wish
    title: str
    origin: Origin
    input: Input
    labels: tuple[Label, ...]
    accepts: Accepts
    network: Mapping[str, Any]  # JSON's values
    save: Callable[[Path], None]
    exact: bool
    exclusive: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def claims(self) -> tuple[Label, ...]:
        """What is reported: labels with a threshold that are a finding."""
        return tuple(label for label in self.labels if label.threshold is not None and not is_nothing(label))


def is_nothing(label: Label) -> bool:
    """Whether the label says that nothing was found."""
    return label.finding.name in NOTHING


def labelled(texts: Sequence[str]) -> tuple[Label, ...]:
    """Labels as the operator wrote them; raises :class:`PluginError` for an empty, a double or a malformed one."""
    labels = tuple(Label(_finding(text)) for text in texts)
    names = [label.finding.name for label in labels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not all(names):
        raise PluginError("each output needs a label of its own", about=", ".join(twice or ["an empty label"]))
    return labels


def _finding(text: str) -> CodedFinding:
    label, _, code = text.partition("=")
    found = coded(label.strip())
    if not code:
        return found
    parts = [part.strip() for part in code.split(":", 2)]
    if len(parts) != 3 or not all(parts) or len(parts[0]) > 16 or len(parts[2]) > 64:
        raise PluginError("a code is VALUE:SCHEME:MEANING", about=text, hint='e.g. "pneumonia=233604007:SCT:Pneumonia"')
    return CodedFinding(key(label), label.strip().replace("_", " ")[:64], Code(*parts))


def agree(labels: Sequence[Label], outputs: int, about: str) -> None:
    """Raise :class:`PluginError` unless there is one label for each output."""
    if len(labels) != outputs:
        raise PluginError(
            f"the network has {outputs} outputs, there are {len(labels)} labels",
            about=about,
            hint="name each output in its order with --labels",
        )


def entry_of(wish: Wish, usual: Input) -> Input:
    """The kind's usual input, with what the operator said instead; raises :class:`PluginError` if that is wrong."""
    channels = usual.channels
    mean, deviation = (
        value * channels if len(value) == 1 else value
        for value in (wish.mean or usual.mean, wish.deviation or usual.deviation)
    )
    if len(mean) != channels or len(deviation) != channels or not all(value > 0 for value in deviation):
        raise PluginError(
            f"the network has {channels} input channel(s): mean {mean} and deviation {deviation} do not fit",
            hint="give one number, or one for each channel; deviations are above 0",
        )
    return Input(wish.size or usual.size, channels, mean, deviation, wish.fit)
