"""Who is signed in with a browser: one random number each, kept in memory, so that a restart signs everybody out.

The ledger knows them by other names (:mod:`node.ledger.sessions`): they are signed out in the trail, too.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
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
    """Somebody who showed a token. `name`: of the session in the ledger; `csrf`: stands in every form of theirs;
    `notice`: shown once.
    """

    holder: Holder
    name: str
    began: float
    seen: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    notice: str = ""

    def allows(self, csrf: str) -> bool:
        """Whether a form is one of ours."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """Callable from any thread.

    Args:
        tokens_file: of those who may sign in.
        on_end: is told of each session that ended by itself, once, and why; again, when it raises something.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        tokens_file: Path,
        on_end: Callable[[Session, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._on_end, self._clock = tokens_file, on_end, clock
        self._kept: OrderedDict[str, Session] = OrderedDict()
        self._ended: deque[tuple[Session, str]] = deque()
        self._lock, self._telling = threading.Lock(), threading.Lock()

    def begin(self, holder: Holder, name: str) -> str:
        """Sign somebody in; the number that their browser is to show."""
        number, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._kept[_digest(number)] = Session(holder, name, now, now)
            while len(self._kept) > MOST:
                self._ended.append((self._kept.popitem(last=False)[1], f"{MOST} others were signed in"))
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
            is_over = self._drop_if_over(key, tokens.read(self._file), now)
            if not is_over and by_person:
                found.seen = now
                self._kept.move_to_end(key)
        if is_over:
            self._tell()
        return None if is_over else found

    def look(self) -> None:
        """End those that are over, also when their browser never comes again: to be called every few seconds."""
        with self._lock:
            holders, now = tokens.read(self._file) if self._kept else {}, self._clock()
            for key in list(self._kept):
                self._drop_if_over(key, holders, now)
        self._tell()

    def _drop_if_over(self, key: str, holders: Mapping[str, Holder], now: float) -> bool:
        why = _why_over(self._kept[key], holders, now)
        if why:
            self._ended.append((self._kept.pop(key), why))
        return bool(why)

    def _tell(self) -> None:
        """Of those that have ended; what cannot be told now stays for the next time."""
        with self._telling:
            while self._ended:
                self._on_end(*self._ended[0])
                self._ended.popleft()

    def end(self, number: str) -> None:
        """Sign out."""
        with self._lock:
            self._kept.pop(_digest(number), None)


def _why_over(session: Session, holders: Mapping[str, Holder], now: float) -> str:
    """Why it has ended; empty: it has not."""
    if holders.get(session.holder.name) != session.holder:
        return "its token was removed, or made anew"
    if now - session.began > LONGEST_SECONDS:
        return f"it had lasted for {LONGEST_SECONDS / 3600:.0f} h"
    return f"nobody asked for a page for {IDLE_SECONDS / 60:.0f} min" if now - session.seen > IDLE_SECONDS else ""


def _digest(number: str) -> str:
    """What is kept does not give the number away, and takes as long to find whatever is shown."""
    return sha256(number.encode()).hexdigest()
