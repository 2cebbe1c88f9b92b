"""What ``radnode models synthesise`` does: train the generator, draw images, measure, write the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import monai
import numpy as np
import torch
from rich.console import Console

from radnode_kit.engines.machine import this_machine
from radnode_kit.synthetic.diffusion import Plan
from radnode_kit.synthetic.embedding import Embedder
from radnode_kit.synthetic.images import RARE, read_images
from radnode_kit.synthetic.measuring import Findings, material_of, measure
from radnode_kit.synthetic.sampling import Drawn, sample_all, write_sheet
from radnode_kit.synthetic.text import measured_text, write_report
from radnode_kit.synthetic.training import Progress, train

REPORT = Path(__file__).parents[2] / "SYNTHETIC.md"
RESULTS = "synthetic.json"
_SHEET = 48


def synthesise(
    data: Path, work: Path, plan: Plan | None = None, report: Path = REPORT, embedder: Embedder | None = None
) -> Findings:
    """Train, draw, measure; write the measured part of the report, and ``synthetic.json`` in the work folder.

    Args:
        data: folder with the data sets (see plugins/DATA.md).
        work: folder for images, checkpoint, samples and results; a stopped run goes on from what is there.
        plan: how; None: as the report in the repository was made.
        report: file whose measured part is written.
        embedder: sees the images; None: ImageNet's Lite0.
    """
    plan = plan or Plan()
    images = read_images(data, work, plan.size)
    progress = train(images.part("train"), plan, work)
    drawn = sample_all(progress.average, plan, work)
    material = material_of(images, drawn.images, embedder or Embedder(work))
    write_sheet(drawn.images.of(RARE).pixels[:_SHEET], 8, work / "synthetic.png")
    write_sheet(images.part("train").of(RARE).pixels[:_SHEET], 8, work / "real.png")
    findings = measure(progress.average, material, plan, facts_of(progress, drawn, plan))
    (work / RESULTS).write_text(json.dumps({"plan": asdict(plan), **asdict(findings)}, indent=2), encoding="utf-8")
    write_report(report, measured_text(findings, plan))
    Console().print(measured_text(findings, plan), markup=False)
    return findings


def facts_of(progress: Progress, drawn: Drawn, plan: Plan) -> Mapping[str, str | float]:
    """What a reader needs to judge the figures and to repeat them."""
    return {
        "machine": str(this_machine()),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "monai": monai.__version__,
        "parameters": sum(each.numel() for each in progress.network.parameters()),
        "training_minutes": progress.seconds / 60,
        "sampling_minutes": drawn.seconds / 60,
        "loss": float(np.mean(progress.history[-200:])),
    }
