"""What a form or an address brings, read with care."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

#: Longest form, bytes; fields in it.
_LONGEST, _MOST_FIELDS = 8 << 10, 20
_TYPE = "application/x-www-form-urlencoded"
_OURS = re.compile(r"/(?![/\\])[\w./?&=%:~+-]{0,400}", re.ASCII)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that our own page sent, the first of each name. Raises HTTPException for anything else."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise HTTPException(403, "a form of another site may not be sent here")
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _TYPE:
        raise HTTPException(415, "a form is wanted")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            raise HTTPException(413, f"the form is longer than {_LONGEST >> 10} KiB")
    try:
        found = parse_qs(bytes(body).decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "that is no form") from error
    return {name: values[0] for name, values in found.items()}


def place(text: str) -> str:
    """A page of ours to go to; the first one when it is none, so that nobody is led elsewhere."""
    return text if _OURS.fullmatch(text) else "/"
