"""Reads ``manifest.toml``, what a plugin says of itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from node.claims import LONGEST_LIMIT, MOST_LIMITS
from node.comparison import Views, checked_views
from node.errors import PluginError
from node.plugin import Accepts, Code, FindingSpec, Interval, Manifest, OperatingPoint

_LONGEST_SECONDS = 3600


def read_manifest(path: Path) -> Manifest:
    """Read a ``manifest.toml``; raises :class:`PluginError` naming the file and the key."""
    try:
        with path.open("rb") as stream:
            return manifest_from(tomllib.load(stream), path.parent)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PluginError(f"the manifest cannot be read: {error}", about=str(path)) from error
    except KeyError as error:
        raise PluginError(f"the manifest lacks {error}", about=str(path), hint="see plugins/README.md") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise PluginError(f"the manifest is wrong: {error}", about=str(path), hint="see plugins/README.md") from error


def manifest_from(table: Mapping[str, Any], folder: Path) -> Manifest:
    """A :class:`Manifest` from the parsed TOML; Any because this is the TOML edge. Raises KeyError, TypeError."""
    rest = dict(table)
    accepts: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in rest.pop("accepts", {}).items()
    }
    findings = tuple(_finding_spec(item) for item in rest.pop("findings"))
    for key in ("explanation", "family"):
        if key in rest:
            rest[key] = _code(rest[key])
    if "limits" in rest:
        rest["limits"] = _sentences(rest["limits"])
    if "comparable_views" in rest:
        rest["comparable_views"] = _views(rest["comparable_views"])
    manifest = Manifest(accepts=Accepts(**accepts), findings=findings, folder=folder, **rest)
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    """Raise ValueError or TypeError for what cannot be: the values come from a file, their types are only hoped for."""
    if manifest.level not in ("image", "series"):
        raise ValueError(f"level is {manifest.level!r}, allowed are 'image' and 'series'")
    if not 0 < manifest.seconds_limit <= _LONGEST_SECONDS:
        raise ValueError(f"seconds_limit is {manifest.seconds_limit}, allowed are up to {_LONGEST_SECONDS}")
    if manifest.repeatability is not None and not 0 <= manifest.repeatability <= 1:
        raise ValueError(f"repeatability is {manifest.repeatability}, allowed are 0 to 1")
    for spec in manifest.findings:
        _check_point(spec.name, spec.operating_point)
    for name in manifest.weights:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise ValueError(f"{name!r} lies outside the plugin")


def _check_point(name: str, point: OperatingPoint) -> None:
    if not 0 <= point.threshold <= 1:
        raise ValueError(f"threshold of {name!r} is {point.threshold}, allowed are 0 to 1")
    if not 0 <= point.error_rate < 1:
        raise ValueError(f"error_rate of {name!r} is {point.error_rate}, allowed are 0 to below 1")
    if point.undetermined is None:
        return
    low, high = point.undetermined
    if not 0 <= low <= point.threshold <= high <= 1:
        wanted = f"0 <= low <= threshold ({point.threshold}) <= high <= 1"
        raise ValueError(f"undetermined of {name!r} is [{low}, {high}], wanted is {wanted}")
    if not point.error_rate:
        raise ValueError(f"undetermined of {name!r} comes without the error_rate that its limits were set for")


def _finding_spec(item: Mapping[str, Any]) -> FindingSpec:
    rest = dict(item)
    point = dict(rest.pop("operating_point"))
    for key in ("sensitivity", "specificity"):
        point[key] = Interval(*point[key])
    if "undetermined" in point:
        point["undetermined"] = _limits(point["undetermined"])
    rest["code"] = _code(rest["code"])
    if "site" in rest:
        rest["site"] = _code(rest["site"])
    return FindingSpec(operating_point=OperatingPoint(**point), **rest)


def _limits(value: Any) -> tuple[float, float]:  # Any: the TOML edge
    if not (isinstance(value, list) and len(value) == 2 and all(type(one) in (int, float) for one in value)):
        raise ValueError(f"undetermined is {value!r}, wanted are two probabilities, [low, high]")
    return value[0], value[1]


def _views(value: Any) -> Views:  # Any: the TOML edge
    if not (isinstance(value, list) and all(isinstance(group, list) for group in value)):
        raise ValueError(f'comparable_views is {value!r}, wanted are groups of views, [["PA", "AP"]]')
    return checked_views(tuple(tuple(str(one) for one in group) for group in value))


def _sentences(value: Any) -> tuple[str, ...]:  # Any: the TOML edge
    if not (isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)):
        raise ValueError(f'limits is {value!r}, wanted are sentences, ["...", "..."]')
    if len(value) > MOST_LIMITS:
        raise ValueError(f"limits holds {len(value)} sentences, allowed are up to {MOST_LIMITS}")
    for one in value:
        if len(one) > LONGEST_LIMIT or not one.isprintable():
            raise ValueError(
                f"limits holds {one!r}, allowed are up to {LONGEST_LIMIT} printable characters on one line"
            )
    return tuple(one.strip() for one in value)


def _code(parts: Sequence[str]) -> Code:
    value, scheme, meaning = parts
    return Code(value, scheme, meaning)
