"""What a figure of speed is worth without: the processor it was measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
#: Instructions that decide how fast a network runs, as Linux calls them (x86, then ARM).
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "sve", "bf16", "i8mm")


@dataclass(frozen=True)
class Machine:
    """A processor.

    Attributes:
        cpu: its model.
        cores: that this process may use.
        flags: those of its instructions that matter to networks.
    """

    cpu: str
    cores: int
    flags: tuple[str, ...]

    @property
    def has_bfloat16(self) -> bool:
        """Whether it multiplies bfloat16 natively; elsewhere that would only cost accuracy."""
        return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(self.flags))

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, {' '.join(self.flags) or 'no vector instructions known'}"


def this_machine(cpuinfo: Path = _CPUINFO) -> Machine:
    """The machine at hand, by Linux's table of processors; elsewhere the name of its architecture."""
    facts = _facts(cpuinfo)
    model = facts.get("model name") or platform.processor() or platform.machine()
    found = set((facts.get("flags") or facts.get("Features", "")).split())
    family = ".".join(facts[key] for key in ("cpu family", "model", "stepping") if key in facts)
    cpu = f"{model} (family {family})" if family else model
    return Machine(cpu, len(os.sched_getaffinity(0)), tuple(flag for flag in _FLAGS if flag in found))


def _facts(cpuinfo: Path) -> dict[str, str]:
    """Those of the first processor."""
    try:
        first = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}
