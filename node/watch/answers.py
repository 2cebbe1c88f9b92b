"""Answers of a model side by side, as columns: the newest ones, a site's baseline, or a plugin's reference."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from node.errors import PluginError
from node.ledger import Observation
from node.watch.observing import DIMENSIONS, INPUTS

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
    """

    senders: npt.NDArray[np.str_]
    makers: npt.NDArray[np.str_]
    abstained: npt.NDArray[np.bool_]
    scores: Mapping[str, Floats]
    inputs: Mapping[str, Floats]
    embeddings: Floats
    source: str = ""

    def __len__(self) -> int:
        return len(self.abstained)

    def named(self, senders: npt.NDArray[np.str_]) -> Answers:
        """The same from other senders."""
        return replace(self, senders=senders)

    def part(self, start: int, stop: int) -> Answers:
        """Those from `start` to `stop`, where all have an embedding."""
        return replace(self.of(np.arange(start, stop)), embeddings=self.embeddings[start:stop])

    def of(self, chosen: npt.NDArray[np.bool_ | np.int64]) -> Answers:
        """Some of them, by a mask or by their places; without embeddings, which are not told apart."""
        scores = {name: values[chosen] for name, values in self.scores.items()}
        inputs = {name: values[chosen] for name, values in self.inputs.items()}
        none = np.zeros((0, DIMENSIONS))
        return Answers(
            self.senders[chosen], self.makers[chosen], self.abstained[chosen], scores, inputs, none, self.source
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
    )


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
    )
    columns = (answers.senders, answers.makers, *answers.scores.values(), *answers.inputs.values())
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
    names = sorted({name for one in answers for name in one.scores})
    return replace(
        answers[0],
        senders=np.concatenate([one.senders for one in answers]),
        makers=np.concatenate([one.makers for one in answers]),
        abstained=np.concatenate([one.abstained for one in answers]),
        scores={
            name: np.concatenate([one.scores.get(name, np.full(len(one), np.nan)) for one in answers]) for name in names
        },
        inputs={name: np.concatenate([one.inputs[name] for one in answers]) for name in INPUTS},
        embeddings=np.concatenate([one.embeddings for one in answers]),
    )


def _numbers(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 5) for value in values]
