"""The model card of an imported plugin: what was read, what was assumed, and above all what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from radnode_kit.foreign.configuration import package_of, parameters
from radnode_kit.foreign.model import ForeignModel, Label, is_nothing
from radnode_kit.foreign.xrayvision import HOW_TO_CONVERT


def card(model: ForeignModel) -> str:
    """``MODEL_CARD.md``."""
    return "\n\n".join(_parts(model)) + "\n"


def _parts(model: ForeignModel) -> Iterator[str]:
    yield f"# {model.title}"
    yield (
        f"Imported by `radnode models import`. {model.origin.what} This card was written by a program from what the "
        "files say; its authors have not seen it. Research use, not for diagnosis."
    )
    yield "## What is not known\n\n" + _list(_unknown(model))
    yield "## What is known\n\n" + _list(f"{key}: {value}" for key, value in parameters(model).items())
    yield "## Findings\n\n" + _findings(model)
    if model.notes:
        yield "## Notes\n\n" + _list(model.notes)
    yield "## Source\n\n" + _source(model)
    if model.origin.kind == "torchxrayvision":
        yield f"How such a file is made, outside the node:\n\n```python\n{HOW_TO_CONVERT}```"
    name = model.wish.name
    yield (
        f"## Use\n\n`pip install DIR` with this folder; `radnode plugins show {name}` lists it, `pip uninstall "
        f"{package_of(name).replace('_', '-')}` takes it out. Before go-live: `radnode evaluate` on images of your own."
    )


def _unknown(model: ForeignModel) -> Iterator[str]:
    yield "Sensitivity and specificity: not measured. The manifest says 0 to 1, which is no statement at all."
    yield "Whether its probabilities are calibrated: they are taken as they come, and usually they are not."
    yield (
        "For which patients, devices and hospitals it fails. No gate refuses images unlike its training data: it "
        "answers a foot sent as a chest as surely as a chest."
    )
    yield "On which data it was trained, whether patients of yours were among them, and under which consent."
    yield f"Its licence ({model.origin.licence}): ask its source before you use it, and before you pass it on."
    private = [label.finding.label for label in model.claims if label.finding.is_private]
    if private:
        yield f"A published code for: {', '.join(private)}. These carry a private code (99RADNODE)."


def _findings(model: ForeignModel) -> str:
    rows = ["| output | finding | code | present from |", "| --- | --- | --- | --- |"]
    for number, label in enumerate(model.labels, start=1):
        code = label.finding.code
        rows.append(f"| {number} | {label.finding.label} | {code.value} {code.scheme} | {_from(label)} |")
    return "\n".join(rows)


def _from(label: Label) -> str:
    if is_nothing(label):
        return "not reported: it means that nothing was found"
    return "not assessed" if label.threshold is None else f"{label.threshold:.4g} ({label.source})"


def _source(model: ForeignModel) -> str:
    rows = ["| file | sha256 |", "| --- | --- |"]
    rows += [f"| {name} | `{digest}` |" for name, digest in sorted(model.origin.files.items())]
    return "\n".join(rows)


def _list(lines: Iterator[str] | tuple[str, ...]) -> str:
    return "\n".join(f"- {line}" for line in lines)
