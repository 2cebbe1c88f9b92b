"""Answers of a model side by side, as columns: the newest ones, a site's baseline, or a plugin's reference."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from node.errors import PluginError
from node.ledger import Observation
from node.watch.observing import DIMENSIONS, INPUTS

#: Of an observation, what tells subgroups apart, beside its sender and its maker.
WORDS = ("sex", "age_band", "view")
#: Beside a plugin's manifest: answers of the model on the images it was tested on.
FILE = "reference.json"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Answers:
    """n answers.

    Attributes:
        senders: (n,), AE title of each.
        makers: (n,), Manufacturer of each.
        abstained: bool (n,).
        scores: finding -> (n,), probability; NaN where the model abstained.
        inputs: statistic -> (n,); NaN where there was none.
        embeddings: (m, 16), of those that have one.
        source: what they are, for a person.
        groups: one of :data:`WORDS` -> (n,), its value; none where they are not known, as of a plugin's reference.
        present: finding -> (n,), 1 where it was called present; NaN where the model abstained. The same.
    """

    senders: npt.NDArray[np.str_]
    makers: npt.NDArray[np.str_]
    abstained: npt.NDArray[np.bool_]
    scores: Mapping[str, Floats]
    inputs: Mapping[str, Floats]
    embeddings: Floats
    source: str = ""
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    present: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.abstained)

    def group(self, word: str) -> npt.NDArray[np.str_]:
        """(n,), values of one of :data:`WORDS`, of sender or maker; (0,): not known."""
        known = {"sender": self.senders, "maker": self.makers, **self.groups} if self.groups else {}
        return known.get(word, np.zeros(0, np.str_))

    def named(self, senders: npt.NDArray[np.str_]) -> Answers:
        """The same from other senders."""
        return replace(self, senders=senders)

    def part(self, start: int, stop: int) -> Answers:
        """Those from `start` to `stop`, where all have an embedding."""
        return replace(self.of(np.arange(start, stop)), embeddings=self.embeddings[start:stop])

    def of(self, chosen: npt.NDArray[np.bool_ | np.int64]) -> Answers:
        """Some of them, by a mask or by their places; without embeddings, which are not told apart."""
        return Answers(
            senders=self.senders[chosen],
            makers=self.makers[chosen],
            abstained=self.abstained[chosen],
            scores={name: values[chosen] for name, values in self.scores.items()},
            inputs={name: values[chosen] for name, values in self.inputs.items()},
            embeddings=np.zeros((0, DIMENSIONS)),
            source=self.source,
            groups={name: values[chosen] for name, values in self.groups.items()},
            present={name: values[chosen] for name, values in self.present.items()},
        )


def answers_of(observed: Sequence[Observation], source: str = "") -> Answers:
    """Observations as columns."""
    names = sorted({name for one in observed for name in one.findings})
    told = [np.frombuffer(one.embedding, "<f2") for one in observed if len(one.embedding) == 2 * DIMENSIONS]
    return Answers(
        senders=np.array([one.sender for one in observed], dtype=np.str_),
        makers=np.array([one.maker for one in observed], dtype=np.str_),
        abstained=np.array([one.abstained for one in observed], dtype=bool),
        scores={name: np.array([one.findings.get(name, (np.nan,))[0] for one in observed]) for name in names},
        inputs={name: np.array([one.inputs.get(name, np.nan) for one in observed]) for name in INPUTS},
        embeddings=np.stack(told).astype(np.float64) if told else np.zeros((0, DIMENSIONS)),
        source=source,
        groups={word: np.array([getattr(one, word) for one in observed], dtype=np.str_) for word in WORDS},
        present={name: np.array([_is_present(one, name) for one in observed]) for name in names},
    )


def _is_present(one: Observation, name: str) -> float:
    return float(one.findings[name][1] == "present") if name in one.findings else np.nan


def answers_text(answers: Answers) -> str:
    """As JSON; the inverse of :func:`answers_from`."""
    table = {
        "source": answers.source,
        "senders": answers.senders.tolist(),
        "makers": answers.makers.tolist(),
        "abstained": answers.abstained.astype(int).tolist(),
        "scores": {name: _numbers(values) for name, values in answers.scores.items()},
        "inputs": {name: _numbers(values) for name, values in answers.inputs.items()},
        "embeddings": b64encode(answers.embeddings.astype("<f2").tobytes()).decode(),
        "groups": {name: values.tolist() for name, values in answers.groups.items()},
        "present": {name: _numbers(values) for name, values in answers.present.items()},
    }
    return json.dumps(table, separators=(",", ":"))


def answers_from(text: str) -> Answers:
    """Raises ValueError, KeyError or TypeError for what is no such text."""
    table = json.loads(text)
    answers = Answers(
        senders=np.array(table["senders"], dtype=np.str_),
        makers=np.array(table["makers"], dtype=np.str_),
        abstained=np.array(table["abstained"], dtype=bool),
        scores={str(name): np.array(values, dtype=np.float64) for name, values in table["scores"].items()},
        inputs={name: np.array(table["inputs"][name], dtype=np.float64) for name in INPUTS},
        embeddings=np.frombuffer(b64decode(table["embeddings"]), "<f2").reshape(-1, DIMENSIONS).astype(np.float64),
        source=str(table["source"]),
        groups={str(name): np.array(values, np.str_) for name, values in table.get("groups", {}).items()},
        present={str(name): np.array(values, np.float64) for name, values in table.get("present", {}).items()},
    )
    columns = (answers.senders, answers.makers, *answers.scores.values(), *answers.inputs.values())
    columns += (*answers.groups.values(), *answers.present.values())
    if any(column.shape != answers.abstained.shape for column in columns):
        raise ValueError("its columns are not of one length")
    return answers


def reference_of(folder: Path) -> Answers | None:
    """What a plugin brings in its folder; None when it brings nothing. Raises :class:`PluginError`."""
    try:
        return answers_from((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "`radnode models reference NAME` makes it anew"
        raise PluginError(f"the plugin's reference cannot be read: {error}", about=str(folder), hint=hint) from error


def joined(answers: Sequence[Answers]) -> Answers:
    """One after the other; a finding that some of them do not have is unknown there."""
    known = [word for word in WORDS if all(word in one.groups for one in answers)]
    return replace(
        answers[0],
        senders=np.concatenate([one.senders for one in answers]),
        makers=np.concatenate([one.makers for one in answers]),
        abstained=np.concatenate([one.abstained for one in answers]),
        scores=_joined([one.scores for one in answers], list(map(len, answers))),
        inputs={name: np.concatenate([one.inputs[name] for one in answers]) for name in INPUTS},
        embeddings=np.concatenate([one.embeddings for one in answers]),
        groups={word: np.concatenate([one.groups[word] for one in answers]) for word in known},
        present=_joined([one.present for one in answers], list(map(len, answers))),
    )


def _joined(tables: Sequence[Mapping[str, Floats]], lengths: Sequence[int]) -> dict[str, Floats]:
    names = sorted({name for one in tables for name in one})
    unknown = [np.full(length, np.nan) for length in lengths]
    return {
        name: np.concatenate([one.get(name, none) for one, none in zip(tables, unknown, strict=True)]) for name in names
    }


def _numbers(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 5) for value in values]
