"""Orthanc's REST API: POST /instances, one object at a time."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Iterator, Sequence
from time import strptime

import orthanc_api_client as api
import requests

from node.config import Destination
from node.deliver.http import check_ourselves, password_of, prepare, shown, unreachable, verdict_of
from node.deliver.kept import Kept
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict

#: `Status` in Orthanc's answer to an upload.
_STATUS: dict[str, tuple[Verdict, str]] = {
    "Success": (Verdict.DELIVERED, ""),
    "AlreadyStored": (Verdict.DELIVERED, ""),  # our UIDs are derived from the content: it is this very object
    "FilteredOut": (Verdict.PERMANENT, "Orthanc filtered it out (ReceivedInstanceFilter)"),
    "NoStorage": (Verdict.TEMPORARY, "Orthanc has no space left"),
    "StorageFull": (Verdict.TEMPORARY, "Orthanc has no space left"),
}


class OrthancSender(Sender):
    """Uploads to Orthanc.

    Args:
        destination: of kind `orthanc`.
        keep_seconds: so long its connection stays open without anything to send.
    """

    def __init__(self, destination: Destination, keep_seconds: float = 0.0) -> None:
        self._destination = destination
        self._kept = Kept(self._client, keep_seconds)

    def echo(self) -> None:
        """GET /system; raises DeliveryError or DeliveryRefused."""
        self._get("system")

    def time(self) -> float | None:
        """GET /tools/now, which is in UTC; raises as :meth:`echo`."""
        answer = self._get("tools/now")
        try:
            return None if answer is None else float(timegm(strptime(answer.text, "%Y%m%dT%H%M%S")))
        except ValueError:
            return None

    def _get(self, path: str) -> requests.Response | None:
        try:
            with self._kept.open() as client:
                answer: requests.Response | None = client.get(path)
                return answer
        except api.HttpError as error:
            check_ourselves(error.http_status_code, self._destination)
            raise unreachable(error, self._destination) from error
        except api.OrthancApiException as error:
            raise unreachable(error, self._destination) from error

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`."""
        with self._kept.open() as client:
            for outgoing in objects:
                yield self._upload(client, outgoing)

    def rest(self, *, at_once: bool = False) -> None:
        """As :meth:`node.deliver.outcome.Sender.rest`."""
        self._kept.rest(at_once=at_once)

    def _client(self) -> api.OrthancApiClient:
        # The URL needs its slash at the end: the client joins paths as a browser does, which drops the last part of
        # `http://host/orthanc`. Its session has no time limit and repeats a POST three times: `prepare` replaces both.
        destination = self._destination
        root = destination.url.rstrip("/") + "/"
        client = api.OrthancApiClient(root, user=destination.user or None, pwd=password_of(destination) or None)
        prepare(client._http_session, destination, may_repeat=True)
        return client

    def _upload(self, client: api.OrthancApiClient, outgoing: Outgoing) -> Outcome:
        try:
            with outgoing.path.open("rb") as stream:
                answer = client.post("instances", data=stream)
            return _outcome(outgoing, answer)
        except OSError as error:
            return Outcome(outgoing, Verdict.UNSENDABLE, f"the file cannot be read: {error.strerror}")
        except api.HttpError as error:
            code = error.http_status_code
            check_ourselves(code, self._destination)
            return Outcome(outgoing, verdict_of(code), f"HTTP {code}: {shown(error.msg)}")
        except api.OrthancApiException as error:
            raise unreachable(error, self._destination) from error


def _outcome(outgoing: Outgoing, answer: requests.Response | None) -> Outcome:
    """The client answers None where it does not know an error of the connection."""
    try:
        status = answer.json()["Status"] if answer is not None else ""
    except (ValueError, KeyError, TypeError):
        status = ""
    verdict, reason = _STATUS.get(status, (Verdict.TEMPORARY, "Orthanc's answer cannot be read"))
    return Outcome(outgoing, verdict, reason)
