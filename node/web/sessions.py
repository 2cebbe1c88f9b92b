"""Who is signed in with a browser: one random number each, kept in memory, so that a restart signs everybody out."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from node.web import tokens
from node.web.tokens import Holder

#: A session ends after so long without a page that a person asked for, and after so long in any case, seconds.
IDLE_SECONDS, LONGEST_SECONDS = 3600.0, 12 * 3600.0
#: So many are kept, those that were seen last.
MOST = 1000


@dataclass
class Session:
    """Somebody who showed a token. `csrf`: stands in every form of theirs; `notice`: to be shown once."""

    holder: Holder
    began: float
    seen: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    notice: str = ""

    def allows(self, csrf: str) -> bool:
        """Whether a form is one of ours."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """Callable from any thread. Args: tokens_file: of those who may sign in; clock: seconds that never go back."""

    def __init__(self, tokens_file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = tokens_file, clock
        self._kept: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, holder: Holder) -> str:
        """Sign somebody in; the number that their browser is to show."""
        number, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._kept[_digest(number)] = Session(holder, now, now)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return number

    def find(self, number: str, *, by_person: bool = True) -> Session | None:
        """Whose it is; None: nobody's any more. It ends with its token, too: the file is read anew.

        Args:
            number: that the browser shows.
            by_person: not by a page that refreshes itself, which is no sign that somebody sits there.
        """
        key, now = _digest(number), self._clock()
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            over = now - found.seen > IDLE_SECONDS or now - found.began > LONGEST_SECONDS
            if over or tokens.read(self._file).get(found.holder.name) != found.holder:
                del self._kept[key]
                return None
            if by_person:
                found.seen = now
                self._kept.move_to_end(key)
            return found

    def end(self, number: str) -> None:
        """Sign out."""
        with self._lock:
            self._kept.pop(_digest(number), None)


def _digest(number: str) -> str:
    """What is kept does not give the number away, and takes as long to find whatever is shown."""
    return sha256(number.encode()).hexdigest()
