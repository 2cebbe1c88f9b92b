"""OHIF in a headless browser: what it shows of series that an archive holds."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.peers.programs import missing, system_program
from tests.viewer.screenshot import Screenshot

#: Where install.sh puts the viewer, unless this variable of the environment says otherwise.
VARIABLE = "RADNODE_VIEWER"
_SCRIPT = Path(__file__).with_name("look.mjs")


@dataclass(frozen=True)
class View:
    """A series that is to be opened.

    Attributes:
        name: of the view, and the beginning of its screenshots' names.
        study: Study Instance UID.
        series_number: by which the series is found in the list of the study.
        shown: whether it is expected to be drawn; a viewport that is to stay black is watched for a while.
        says: words that stand on the page once the series is drawn.
        colour: whether something coloured is drawn over a grey image.
        panel: of the right side, to be opened and read: `panelSegmentation` or `trackedMeasurements`.
        seconds: how long to wait for all that at most, which a busy machine may need.
    """

    name: str
    study: str
    series_number: int
    shown: bool
    says: tuple[str, ...] = ()
    colour: bool = False
    panel: str = ""
    seconds: float = 60.0


@dataclass(frozen=True)
class Seen:
    """What was seen of a view.

    Attributes:
        listed: whether the study's list has the series.
        text: all words of the page.
        logs: warnings and errors of the page.
        came: `drawn`, `refused` by OHIF, `black`, or `nothing` of all that in time.
        seconds: how long it took.
        viewport, page, thumbnail: screenshots; the last is None when the series is not listed.
    """

    name: str
    listed: bool
    text: str
    logs: tuple[str, ...]
    came: str
    seconds: float
    viewport: Screenshot
    page: Screenshot
    thumbnail: Screenshot | None = field(default=None)


def home() -> Path:
    """Where the viewer is installed; skips the test with the reason when it is not, and fails in CI."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get(VARIABLE) or cache / "radnode-viewer")
    if not (folder / "installed").exists():
        missing(f"OHIF, in {folder},", "make viewer")
    return folder


def run_node(script: Path, request: object, seconds: float) -> object:
    """What a script for Node.js answers, in JSON, to a request in JSON."""
    done = subprocess.run(
        [system_program("node"), str(script)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def look(archive: str, views: Sequence[View], folder: Path) -> dict[str, Seen]:
    """Open each view on a page of its own. Args: archive: URL of an Orthanc; folder: gets screenshots and words."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        request = {
            "home": str(home()),
            "chromium": system_program("chromium"),
            "orthanc": archive,
            "out": str(folder),
            "profile": profile,
            "views": [asdict(view) for view in views],
        }
        answers = run_node(_SCRIPT, request, 60 + sum(view.seconds + 60 for view in views))
    assert isinstance(answers, list)
    (folder / "seen.json").write_text(json.dumps(answers, indent=1), encoding="utf-8")
    return {answer["name"]: _seen(answer, folder) for answer in answers}


def _seen(answer: dict[str, object], folder: Path) -> Seen:
    pictures = {
        name: Screenshot(folder / str(answer[name])) if answer[name] else None
        for name in ("viewport", "page", "thumbnail")
    }
    return Seen(**{**answer, "logs": tuple(answer["logs"]), **pictures})  # type: ignore[arg-type]  # JSON's edge
