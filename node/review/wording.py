"""What a report in plain words says of a finding: rules, after NegEx and ConText, in English and German. Pure.

Chapman et al., J. Biomed. Inform. 34 (2001) 301; Harkema et al., J. Biomed. Inform. 42 (2009) 839: a term is negated by
a trigger before it, up to a word that ends its reach, or by one behind it; in the same way it is uncertain, or about
the past. Such rules err: what they say is kept apart from what readers say of our findings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path

from node.claims import Outcome
from node.errors import PluginError

#: Beside a plugin's manifest: finding -> the words by which reports speak of it; `*` stands for any letters.
FILE = "words.toml"
Vocabulary = Mapping[str, tuple[str, ...]]
#: Words between a trigger and the term.
_REACH = 7
_AROUND = 120  # characters
#: A longer report was not written by a person.
LONGEST = 100_000


class _Sense(Enum):
    NEGATED = "negated"
    UNCERTAIN = "uncertain"
    PAST = "past"


#: What a term means in that sense; None: nothing of now.
_MEANS: Mapping[_Sense, Outcome | None] = {
    _Sense.NEGATED: Outcome.ABSENT,
    _Sense.UNCERTAIN: Outcome.UNDETERMINED,
    _Sense.PAST: None,
}


_BEFORE: Mapping[_Sense, str] = {
    _Sense.NEGATED: r"no|not|without|denies|never|absence of|absent|free of|negative for|clear of|rather than|resolved"
    r"|ruled out|rules out|kein\w*|ohne|nicht|frei von|ausschluss",
    _Sense.UNCERTAIN: r"possible|possibly|probable|probably|may|might|could|can ?not exclude|questionable|suspected"
    r"|suspicion of|suspicious for|versus|vs|rule out|r/o|concern for|verdacht auf|v\.?a\.?|fraglich\w*|möglich\w*|dd",
    _Sense.PAST: r"history of|previous|previously|prior|old|status post|s/p|zustand nach|z\.?n\.?|früher\w*"
    r"|vorbestehend\w*",
}
_BEHIND: Mapping[_Sense, str] = {
    _Sense.UNCERTAIN: r"(?:is |are )?(?:possible|not excluded|questionable|can ?not be (?:excluded|ruled out))"
    r"|(?:ist |sind )?(?:möglich|fraglich|nicht (?:sicher )?auszuschließen)",
    _Sense.NEGATED: r"(?:is |are |was |were |has |have )?(?:been )?(?:absent|excluded|ruled out|resolved"
    r"|not (?:seen|identified|present|evident|demonstrated))"
    r"|(?:ist |sind )?(?:nicht (?:nachweisbar|erkennbar|abgrenzbar|sichtbar)|ausgeschlossen)",
}
#: What ends the reach of a trigger.
_ENDS = re.compile(r"\b(?:but|however|although|except|apart from|aber|jedoch|dagegen)\b|[;:]")
#: Headings of what is not about these images, of a report that is one text; another heading, or an empty line behind
#: what stands under it, ends such a section.
_NOT_OF_NOW = (
    r"(?:clinical |relevant )?(?:history|information|indications?|details|context|question)|reason for (?:the )?"
    r"(?:exam\w*|study|request)|comparison|prior(?: \w+)?|technique|procedure|klinische (?:angaben?|fragestellung)"
    r"|anamnese|(?:rechtfertigende )?indikation|fragestellung|vergleich|voruntersuchung\w*|vorbefunde?|technik"
)
_HEADING = re.compile(r"\s*([^\W\d_][\w /()-]{1,50}):")
_SENTENCES = re.compile(r"(?<=[a-zäöüß)\d]{2})[.!?]+(?:\s|$)|\n+")


def read_vocabulary(folder: Path) -> Vocabulary:
    """The words of a plugin; empty where it brings none. Raises :class:`PluginError`."""
    try:
        with (folder / FILE).open("rb") as stream:
            table = tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PluginError(f"the plugin's words cannot be read: {error}", about=str(folder / FILE)) from error
    if not all(isinstance(terms, list) and all(isinstance(one, str) for one in terms) for terms in table.values()):
        raise PluginError('the plugin\'s words are no table of finding = ["term", ...]', about=str(folder / FILE))
    return {finding: tuple(terms) for finding, terms in table.items()}


def said(text: str, terms: Sequence[str]) -> Outcome | None:
    """What a report says of the finding that these terms name; None when it does not speak of it.

    Present when one sentence says so; else undetermined when one doubts; else absent.
    """
    of_now = "\n".join(_of_now(text[:LONGEST].lower()))
    found = {sense for sentence in _SENTENCES.split(of_now) for sense in _senses(sentence, terms)}
    order = (Outcome.PRESENT, Outcome.UNDETERMINED, Outcome.ABSENT)
    return next((outcome for outcome in order if outcome in found), None)


def _of_now(text: str) -> Iterator[str]:
    """The lines that are about these images: not why they were made, and not what was before."""
    is_before, is_empty = False, True
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            is_before, is_empty = bool(re.fullmatch(_NOT_OF_NOW, heading[1].strip())), not line[heading.end() :].strip()
        elif line.strip():
            is_empty = False
        elif not is_empty:
            is_before = False
        if not is_before:
            yield line


def _senses(sentence: str, terms: Sequence[str]) -> Iterator[Outcome | None]:
    pattern = "|".join(re.escape(term.lower()).replace(r"\*", r"\w*") for term in terms)
    for match in re.finditer(rf"\b(?:{pattern})\b", sentence):
        start, end = match.span()
        before, behind = sentence[max(0, start - _AROUND) : start], sentence[end : end + _AROUND]
        yield _sense(_ENDS.split(before)[-1], _ENDS.split(behind)[0])


def _sense(before: str, behind: str) -> Outcome | None:
    """Of a term, by the words around it."""
    near = " ".join(before.split()[-_REACH:])
    for sense, triggers in _BEHIND.items():
        if re.match(rf"\s*(?:{triggers})\b", behind):
            return _MEANS[sense]
    nearest = [(place, sense) for sense, triggers in _BEFORE.items() if (place := _last(triggers, near)) >= 0]
    return _MEANS[max(nearest, key=lambda one: one[0])[1]] if nearest else Outcome.PRESENT


def _last(triggers: str, words: str) -> int:
    """Where the last trigger begins; -1: nowhere."""
    return max((match.start() for match in re.finditer(rf"(?<!\w)(?:{triggers})(?!\w)", words)), default=-1)
