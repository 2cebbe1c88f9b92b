"""The parts of the README that the program writes: `python -m node.docs README.md` (or `make docs`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from node.classify.catalogue import Catalogue
from node.config import settings_table
from node.errors import PermanentError
from node.plugin import FindingSpec, Manifest
from node.receive.status import table as status_table
from node.states import diagram
from node.words import with_interval

#: The plugins that come with the node; those of the machine at hand are not its documentation.
SHIPPED = ("brain-tumour-mr", "chest-radiograph", "ct-contrast-phase", "skin-lesion")


def written(text: str) -> str:
    """The text with each block between `<!-- name -->` and `<!-- /name -->` as the program has it."""
    for name, write in BLOCKS.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (found and closed):
            raise PermanentError(f"the file has no block '{name}'", hint=f"write {begin} and {end} where it belongs")
        text = f"{head}{begin}\n{write()}\n{end}{tail}"
    return text


def plugins_table() -> str:
    """What each shipped plugin takes, claims and costs, as Markdown."""
    rows = [row for manifest in Catalogue(SHIPPED).manifests.values() for row in _plugin_rows(manifest)]
    head = "| plugin | takes | finding | sensitivity | specificity | measured on |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def _plugin_rows(manifest: Manifest) -> list[str]:
    accepts = manifest.accepts
    takes = f"{', '.join(accepts.modality)}: {', '.join(accepts.body_part).lower() or 'any part'}"
    return [_plugin_row(f"| `{manifest.name}` {manifest.version} | {takes}", spec) for spec in manifest.findings]


def _plugin_row(head: str, spec: FindingSpec) -> str:
    point = spec.operating_point
    figures = f"{with_interval(point.sensitivity)} | {with_interval(point.specificity)}"
    return f"{head} | {spec.label} | {figures} | {point.source} |"


BLOCKS: Mapping[str, Callable[[], str]] = {
    "settings": settings_table,
    "states": diagram,
    "statuses": status_table,
    "plugins": plugins_table,
}


def main(path: Path) -> None:
    """Rewrite the blocks of a file."""
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
