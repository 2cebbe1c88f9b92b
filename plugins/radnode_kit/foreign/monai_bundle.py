"""A MONAI classification bundle: configuration files, weights, and, in the configuration, code.

A bundle's ``_target_`` names any class that can be imported and its ``$`` expressions are Python. So nothing of the
configuration is evaluated until the operator allows it, and every file's sha256 goes into the plugin. The code runs
once, and confined when `radnode models import` runs it, to build the network and resolve the pre-processing; the plugin
that comes out holds an ONNX graph and runs none of it. The post-processing is cut where it makes decisions
(AsDiscrete): probabilities are what a report needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from node.claims import Accepts
from node.errors import PluginError, where
from radnode_kit.foreign.checkpoint import digest, read_tensors
from radnode_kit.foreign.model import ForeignModel, Input, Origin, Wish, agree, labelled
from radnode_kit.foreign.network import AdaptedNetwork, adapted_network
from radnode_kit.foreign.preprocessing import IN_MEMORY, base_name, input_from

Table = Mapping[str, Any]  # JSON's values
#: Runs a bundle's code: its folder, what the operator says -> what its network is given, and the network.
Build = Callable[[Path, Wish], tuple[Input, AdaptedNetwork]]

_WEIGHTS = ("models/model.safetensors", "models/model.pt", "models/model.pth")
_CONFIGURATIONS = ("configs/inference.json", "configs/inference.yaml", "configs/inference.yml")
_FORMATS = ("classes", "labels")
_DECISIONS = frozenset({"AsDiscrete", "SaveClassification"})


def read(folder: Path, wish: Wish, sha256: str = "", build: Build | None = None) -> ForeignModel:
    """Read a bundle's folder; raises :class:`PluginError` with the reason, without running its code, unless allowed.

    Args: build: runs its code somewhere else; None: here, see :func:`built`.
    """
    origin = origin_of(folder)
    if sha256 and origin.digest != sha256.strip().lower():
        raise PluginError(f"the bundle has sha256 {origin.digest}, demanded was {sha256}", about=str(folder))
    metadata = _metadata(folder)
    configuration = _configuration(folder)
    if not wish.trust_code:
        raise PluginError(
            f"a MONAI bundle is code: building its network runs what {configuration.name} names",
            about=f"{folder}, {len(origin.files)} files, sha256 {origin.digest}",
            hint=f"read its configuration, then allow just these files: --trust-code --sha256 {origin.digest}",
        )
    entry, adapted = (build or built)(folder, wish)
    return _model(folder, wish, origin, (metadata, entry, adapted))


def built(folder: Path, wish: Wish) -> tuple[Input, AdaptedNetwork]:
    """Run the bundle's code in this process: what it builds, and what its network is given."""
    image = _metadata(folder)["network_data_format"]["inputs"]["image"]
    with _importable(folder):
        parser = _parser(_configuration(folder), folder)
        steps = _transforms(parser, "preprocessing", lambda name: base_name(name) not in IN_MEMORY)
        entry = input_from(steps, image, wish)
        network = _weighted(_network(parser, folder), folder)
        activation = _activation(_transforms(parser, "postprocessing", _is_activation), wish, folder)
        return entry, adapted_network(network, entry, activation)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The bundle's ``scripts`` can be imported; nothing is written beside them, which would change their digest."""
    path, writes = sys.path.copy(), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes


def origin_of(folder: Path) -> Origin:
    """The sha256 of every file in the bundle."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise PluginError("there is no bundle", about=str(folder), hint="give the folder with configs/ and models/")
    files = {path.relative_to(folder).as_posix(): digest(path) for path in paths}
    return Origin("monai", "A MONAI bundle; its network was built by its own code once, at import.", files)


def _model(
    folder: Path, wish: Wish, origin: Origin, parts: tuple[dict[str, Any], Input, AdaptedNetwork]
) -> ForeignModel:
    metadata, entry, adapted = parts
    labels = labelled(wish.labels or _labels(metadata, folder))
    agree(labels, adapted.outputs, str(folder))
    title = str(metadata.get("name") or metadata.get("description") or folder.name)
    return ForeignModel(
        wish=wish,
        title=f"{title[:48]} (MONAI bundle {str(metadata.get('version', '?'))[:12]})",
        origin=origin,
        input=entry,
        labels=labels,
        accepts=Accepts(modality=wish.modality or _modality(metadata, folder)),
        network=adapted.definition,
        save=adapted.save,
        exact=adapted.exact,
        exclusive=adapted.softmax,
        notes=(*_notes(metadata), *adapted.notes),
    )


def _metadata(folder: Path) -> dict[str, Any]:
    path = folder / "configs" / "metadata.json"
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        image, answer = (metadata["network_data_format"][k][v] for k, v in (("inputs", "image"), ("outputs", "pred")))
        if image["num_channels"] not in (1, 3) or len(image.get("spatial_shape", (1, 1))) != 2:
            raise PluginError("the bundle takes no plane image of 1 or 3 channels", about=str(path))
        if answer.get("format") not in _FORMATS:
            found = f"the bundle answers {answer.get('format')!r}, a classifier answers 'classes' or 'labels'"
            raise PluginError(found, about=str(path))
    except (OSError, json.JSONDecodeError) as error:
        raise PluginError(f"the bundle's metadata cannot be read: {error}", about=str(path)) from error
    except (KeyError, TypeError) as error:
        raise PluginError(f"the bundle's metadata lacks {error}", about=str(path)) from error
    return dict(metadata)


def _labels(metadata: Table, folder: Path) -> tuple[str, ...]:
    names = metadata["network_data_format"]["outputs"]["pred"].get("channel_def") or {}
    if not names or sorted(names) != sorted(str(index) for index in range(len(names))):
        raise PluginError("the bundle does not name its outputs", about=str(folder), hint="name them with --labels")
    return tuple(str(names[str(index)]) for index in range(len(names)))


def _modality(metadata: Table, folder: Path) -> tuple[str, ...]:
    words = str(metadata["network_data_format"]["inputs"]["image"].get("modality", "")).replace(",", " ").split()
    codes = tuple(word for word in words if len(word) == 2 and word.isupper())
    if not codes:
        hint = "say which modalities it is for: --modality DX --modality CR"
        raise PluginError("the bundle does not say a modality as DICOM does", about=str(folder), hint=hint)
    return codes


def _notes(metadata: Table) -> tuple[str, ...]:
    told = [
        f"The bundle says of itself: {str(metadata[key])[:400]}"
        for key in ("description", "intended_use", "data_source", "copyright")
        if metadata.get(key)
    ]
    return (
        *told,
        "The bundle's own reading of files is replaced by the image in memory, windowed as a viewer shows it at first; "
        "where the bundle scaled stored values (Hounsfield units, say) the window of the header stands in their place.",
    )


def _configuration(folder: Path) -> Path:
    found = [folder / name for name in _CONFIGURATIONS if (folder / name).is_file()]
    if not found:
        raise PluginError("the bundle has no inference configuration", about=str(folder / _CONFIGURATIONS[0]))
    if found[0].suffix != ".json" and find_spec("yaml") is None:
        hint = "install PyYAML, or convert it to inference.json"
        raise PluginError("the configuration is YAML, which nothing here reads", about=str(found[0]), hint=hint)
    return found[0]


def _parser(configuration: Path, folder: Path) -> Any:  # monai has no types
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    try:
        parser.read_config(str(configuration))
        parser["bundle_root"] = str(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise PluginError(f"the configuration cannot be read: {error}", about=str(configuration)) from error
    return parser


def _transforms(parser: Any, name: str, wanted: Callable[[str], bool]) -> list[Table]:  # monai's parser
    """The tables of a Compose, nothing built; references are resolved only in those whose target is wanted."""
    tables = parser.get(f"{name}#transforms") or []
    return [
        _resolved(parser, f"{name}#transforms#{index}") if wanted(str(table.get("_target_"))) else table
        for index, table in enumerate(tables)
        if not table.get("_disabled_")
    ]


def _is_activation(target: str) -> bool:
    return _plain(target) == "Activations"


def _plain(target: str) -> str:
    return target.rpartition(".")[2].removesuffix("d")


def _resolved(parser: Any, name: str) -> Table:  # monai's parser
    try:
        found = parser.get_parsed_content(name, instantiate=False)
        return dict(found.get_config())
    except Exception as error:  # an edge: the bundle's own expressions may raise anything
        raise PluginError(f"the bundle's {name} cannot be resolved: {where(error)}") from error


def _network(parser: Any, folder: Path) -> nn.Module:  # monai's parser
    name = "network_def" if parser.get("network_def") is not None else "network"
    try:
        network = parser.get_parsed_content(name)
    except Exception as error:  # an edge: the bundle's own code may raise anything
        raise PluginError(f"the bundle's network cannot be built: {where(error)}", about=str(folder)) from error
    if not isinstance(network, nn.Module):
        raise PluginError(f"{name} is a {type(network).__name__}, not a torch network", about=str(folder))
    return network.eval()


def _weighted(network: nn.Module, folder: Path) -> nn.Module:
    """The network with the bundle's weights; a TorchScript archive (``model.ts``) is a program and is not read."""
    found = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    if not found:
        raise PluginError("the bundle has no weights", about=f"{folder}: looked for {', '.join(_WEIGHTS)}")
    try:
        network.load_state_dict(read_tensors(found[0]))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:400]
        raise PluginError(f"the weights do not fit the network: {reason}", about=str(found[0])) from error
    return network


def _activation(transforms: Sequence[Table], wish: Wish, folder: Path) -> str:
    """``sigmoid`` or ``softmax``: what the Activations before any decision say."""
    if wish.activation != "auto":
        return wish.activation
    for table in transforms:
        target = str(table.get("_target_", ""))
        if _plain(target) in _DECISIONS:
            break
        if _is_activation(target) and (table.get("sigmoid") or table.get("softmax")):
            return "softmax" if table.get("softmax") else "sigmoid"
    hint = "say it: --activation sigmoid or softmax"
    raise PluginError("the bundle's post-processing names no activation", about=str(folder), hint=hint)
