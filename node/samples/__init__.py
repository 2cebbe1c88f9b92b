"""Real images that may be redistributed, wrapped as DICOM: what `radnode demo` sends (see data/ATTRIBUTION.md)."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "data"


def sample_paths() -> list[Path]:
    """Every sample, in the order of study and instance."""
    return sorted(FOLDER.glob("*/*.dcm"))
