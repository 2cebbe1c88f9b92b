"""A destination as typed on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from node.config import Destination
from node.errors import ConfigError

_ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^:/\[\]]+):(?P<port>\d+)/(?P<ae>.+)")


def destination_for(text: str, configured: Sequence[Destination] = ()) -> Destination:
    """The configured destination of that name, or the one at `HOST:PORT/AET`; raises :class:`ConfigError`.

    Worked example::

        destination_for("127.0.0.1:4242/ORTHANC")
    """
    for destination in configured:
        if destination.name == text:
            return destination
    known = f" or one of {', '.join(one.name for one in configured)}" if configured else ""
    hint = f"give HOST:PORT/AET, e.g. 127.0.0.1:4242/ORTHANC{known}"
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ConfigError("this is no destination", about=text, hint=hint)
    host = match["host"].strip("[]")
    try:
        return Destination(name="command line", kind="dicom", ae_title=match["ae"], host=host, port=int(match["port"]))
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"this is no destination: {wrong}", about=text, hint=hint) from error
