"""Another version of a plugin, importable for as long as it is looked at, and installed nowhere."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path
from tempfile import TemporaryDirectory

from node.classify import wheel
from node.errors import PluginError


@contextmanager
def importable(plugin: str) -> Iterator[str]:
    """The name of a plugin: the one that is given, or that of the wheel that is; raises :class:`PluginError`.

    The wheel is looked at as before an installation, unpacked beside nothing, and goes before what is installed, here
    and in the workers that are started meanwhile.
    """
    if plugin and Path(plugin).is_dir():
        hint = "`pip wheel FOLDER --no-deps` makes a wheel of it"
        raise PluginError("a folder is no plugin that could be loaded", about=plugin, hint=hint)
    if not plugin.endswith(".whl"):
        yield plugin
        return
    with wheel.kept(Path(plugin)) as copy, TemporaryDirectory(prefix="radnode-shadow-") as folder:
        found = wheel.read_wheel(copy)
        if len(found.plugins) != 1:
            raise PluginError(f"it offers {len(found.plugins)} plugins", about=copy.name, hint="one a wheel, here")
        with zipfile.ZipFile(copy) as archive:
            archive.extractall(folder)  # no name in it leads elsewhere: `read_wheel`
        before = os.environ.get("PYTHONPATH")
        sys.path.insert(0, folder)
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *([before] if before else [])])
        invalidate_caches()
        try:
            yield found.plugins[0]
        finally:
            sys.path.remove(folder)
            os.environ.pop("PYTHONPATH")
            if before is not None:
                os.environ["PYTHONPATH"] = before
