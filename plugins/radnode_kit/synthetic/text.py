"""The measured part of ``plugins/SYNTHETIC.md``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from node.plugin import Interval
from radnode_kit.card import BEGIN, END, markdown
from radnode_kit.synthetic.diffusion import Plan
from radnode_kit.synthetic.effect import ASKED, BASELINES, Outcome, verdict
from radnode_kit.synthetic.images import CLASSES
from radnode_kit.synthetic.measuring import Findings, Nearness
from radnode_kit.synthetic.quality import COMPONENTS, Spread


def write_report(path: Path, text: str) -> None:
    """Put the text between the two marks of the report; a report that is not there yet is made of it."""
    block = f"{BEGIN}\n{text.rstrip()}\n{END}"
    old = path.read_text(encoding="utf-8") if path.is_file() else f"# Synthetic data\n\n{block}\n"
    path.write_text(
        re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: block, old, flags=re.S), encoding="utf-8"
    )


def measured_text(findings: Findings, plan: Plan) -> str:
    """All tables, in Markdown."""
    parts = (_run, _effect, _quality, _copies, _members)
    return "\n\n".join(part(findings, plan) for part in parts)


def _run(findings: Findings, plan: Plan) -> str:
    rows = [[name, *(str(count) for count in counts)] for name, counts in findings.counts.items()]
    facts = findings.facts
    return (
        "### The run\n\n" + markdown(["images", *CLASSES], rows) + "\n\n"
        f"Generator: {facts['parameters']:,} parameters, {plan.steps} steps of {plan.batch} images at {plan.size} x "
        f"{plan.size} pixels, {facts['training_minutes']:.1f} minutes, last loss {facts['loss']:.4f}; sampling: "
        f"{sum(plan.samples)} images, {plan.sampler_steps} steps of DDIM, guidance {plan.guidance}, "
        f"{facts['sampling_minutes']:.1f} minutes. Machine: {facts['machine']}; {facts['threads']} threads; "
        f"torch {facts['torch']}, "
        f"MONAI {facts['monai']}; seed {plan.seed}, {plan.repeats} seeds of the classifier."
    )


def _effect(findings: Findings, plan: Plan) -> str:
    table = findings.effect
    rows = [_arm(name, outcome) for name, outcome in table.items()]
    gain = table[ASKED].gains
    lines = [f"- against *{base}*: {_signed(gain[base])}: {verdict(gain[base])}" for base in BASELINES]
    return (
        "### Effect on the AUROC for melanoma, held-back part\n\n"
        + markdown(["training set", "AUROC", "seeds, lowest to highest", "C"], rows)
        + f"\n\n*{ASKED}*, difference paired by image and seed:\n\n"
        + "\n".join(lines)
    )


def _arm(name: str, outcome: Outcome) -> list[str]:
    return [name, _plain(outcome.auroc), f"{min(outcome.seeds):.3f} to {max(outcome.seeds):.3f}", f"{outcome.ridge:g}"]


def _quality(findings: Findings, plan: Plan) -> str:
    q = findings.quality
    rows = [
        ["real training melanomas (floor)", _spread(q.floor)],
        ["made-up melanomas", _spread(q.synthetic)],
        ["real training nevi (another class)", _spread(q.other_class)],
    ]
    return (
        "### Quality\n\n"
        f"Frechet distance to the held-back melanomas on {COMPONENTS} principal components of the frozen embedding, "
        f"with equally many images, mean and deviation over 20 draws:\n\n"
        + markdown(["images", "Frechet distance"], rows)
        + f"\n\nA linear layer tells made-up from real training melanomas with AUROC {q.apart:.3f} (0.5: not at all)."
    )


def _copies(findings: Findings, plan: Plan) -> str:
    head = ["made-up melanomas, nearest training image", "pixels (RMS)", "embedding (1 - cosine)"]
    both = (findings.pixels, findings.embedding)
    rows = [[name, *(cell(each) for each in both)] for name, cell in _COPIES.items()]
    return "### Memorisation: copies\n\n" + markdown(head, rows)


_COPIES: Mapping[str, Callable[[Nearness], str]] = {
    "median distance, made-up": lambda n: f"{n.copies.synthetic:.4f}",
    "median distance, real held-back melanomas": lambda n: f"{n.copies.held_back:.4f}",
    "ratio": lambda n: f"{n.copies.ratio:.2f}",
    "z of the rank test (far below 0: copies)": lambda n: f"{n.copies.z:+.1f}",
    "closer than the nearest 1 % of held-back": lambda n: _percent(n.copies.close),
    "z, relative to the 50 nearest": lambda n: f"{n.copies.crowd_z:+.1f}",
    "closer than the nearest 1 %, relative": lambda n: _percent(n.copies.crowd_close),
    "with a twin among the made-up": lambda n: _percent(n.repeats),
    "with a twin among real training melanomas": lambda n: _percent(n.real_repeats),
    "closest pair": lambda n: f"{n.closest[0]}, {n.closest[1]}: {n.closest[2]:.4f}",
}


def _members(findings: Findings, plan: Plan) -> str:
    rows = [[name, _plain(each.auroc), f"{each.hits:.1%}"] for name, each in findings.members.items()]
    head = ["images", "AUROC of the loss (0.5: nothing leaks)", "training images named at 1 % false alarms"]
    return "### Memorisation: membership\n\n" + markdown(head, rows)


def _plain(value: Interval) -> str:
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def _signed(value: Interval) -> str:
    return f"{value.value:+.3f} ({value.low:+.3f} to {value.high:+.3f})"


def _percent(value: Interval) -> str:
    return f"{value.value:.1%} ({value.low:.1%} to {value.high:.1%})"


def _spread(value: Spread) -> str:
    return f"{value.mean:.2f} (deviation {value.deviation:.2f})"
