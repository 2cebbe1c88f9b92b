"""The conditions of a route, as a table; a condition that is not given is not looked at.

`accept_missing` speaks of tags that may rightly be missing. Modality and SOP Class are type 1 in every image (PS3.3
C.7.3.1, C.12.1), and AE titles are no tags: none of these is excused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from node.body_part import normal_body_part
from node.config import Route
from node.route.check import Check, either, shown
from node.study import Attributes


@dataclass(frozen=True)
class _Listed:
    """A condition whose value must be in a list. `normal` brings both sides to one spelling."""

    what: str
    wanted: Callable[[Route], Sequence[str]]
    found: Callable[[Attributes], str]
    normal: Callable[[str], str] = str.upper
    may_be_missing: bool = True


@dataclass(frozen=True)
class _Pattern:
    """A condition whose value must match one of a list of patterns, or, if `forbidden`, none of them."""

    what: str
    wanted: Callable[[Route], Sequence[str]]
    found: Callable[[Attributes], str]
    may_be_missing: bool = False
    private: bool = False
    forbidden: bool = False


_LISTED: tuple[_Listed, ...] = (
    _Listed("modality", lambda r: r.modality, lambda a: a.modality, may_be_missing=False),
    _Listed("SOP class", lambda r: r.sop_class, lambda a: a.sop_class_uid, may_be_missing=False),
    _Listed("body part", lambda r: r.body_part, lambda a: a.body_part, normal_body_part),
    _Listed("view", lambda r: r.view, lambda a: a.view),
    _Listed("laterality", lambda r: r.laterality, lambda a: a.laterality),
)

_PATTERNS: tuple[_Pattern, ...] = (
    _Pattern("calling AE title", lambda r: r.calling_ae, lambda a: a.calling_ae),
    _Pattern("called AE title", lambda r: r.called_ae, lambda a: a.called_ae),
    _Pattern("department", lambda r: r.department, lambda a: a.department, may_be_missing=True, private=True),
    _Pattern(
        "series description",
        lambda r: r.series_description,
        lambda a: a.series_description,
        may_be_missing=True,
        private=True,
    ),
    _Pattern(
        "series description",
        lambda r: r.not_series_description,
        lambda a: a.series_description,
        private=True,
        forbidden=True,
    ),
)


def checks(route: Route, attributes: Attributes) -> tuple[Check, ...]:
    """Every condition of the route that is given, against these attributes."""
    listed = (_in_list(row, route, attributes) for row in _LISTED if row.wanted(route))
    matched = (_matches(row, route, attributes) for row in _PATTERNS if row.wanted(route))
    return (*listed, *_age(route, attributes), *matched)


def _in_list(row: _Listed, route: Route, attributes: Attributes) -> Check:
    found, wanted = row.found(attributes), row.wanted(route)
    excused = not found and row.may_be_missing and route.accept_missing
    holds = excused or row.normal(found) in {row.normal(value) for value in wanted}
    return Check(row.what, shown(found), either(wanted), holds)


def _matches(row: _Pattern, route: Route, attributes: Attributes) -> Check:
    found, wanted = row.found(attributes), row.wanted(route)
    hit = any(fnmatchcase(found.casefold(), pattern.casefold()) for pattern in wanted)
    if row.forbidden:
        return Check(row.what, shown(found), f"none like {either(wanted)}", not (found and hit), row.private)
    excused = not found and row.may_be_missing and route.accept_missing
    return Check(row.what, shown(found), either(wanted), excused or hit, row.private)


def _age(route: Route, attributes: Attributes) -> tuple[Check, ...]:
    if route.min_age is None and route.max_age is None:
        return ()
    lowest, highest, age = route.min_age or 0.0, route.max_age, attributes.age_years
    wanted = f"at least {lowest:g} years" if highest is None else f"{lowest:g} to {highest:g} years"
    if age is None:
        return (Check("age", "", wanted, route.accept_missing),)
    return (Check("age", f"{age:g} years", wanted, lowest <= age and (highest is None or age <= highest)),)
