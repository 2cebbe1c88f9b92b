"""When a study counts as complete: a pure decision over facts.

DICOM has no message that says "this study is complete": the end of an association means nothing (PS3.4 B.4), and the
counts that a sender may announce are optional and often wrong. So the node believes an announced number only if it is
not smaller than what is already here, and waits for quiet otherwise. What an archive counts of a study that is fetched
from it goes before all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from node.config import StudySettings


@dataclass(frozen=True)
class SeriesFacts:
    """One series of the study.

    Attributes:
        modality: (0008,0060).
        images: instances that are here.
        acquisition_images: Images in Acquisition (0020,1002), the largest announced; None when not announced.
    """

    modality: str
    images: int
    acquisition_images: int | None = None

    @property
    def expected(self) -> int | None:
        """The announced number if it tells anything: above zero and not below what is here."""
        return _informative(self.acquisition_images, self.images)


@dataclass(frozen=True)
class Counted:
    """What an archive that was asked to send the study counts of it.

    Attributes:
        archive: its name.
        instances: Number of Study Related Instances (0020,1208) that it told.
        came: objects of the study that have come, those that are set aside included.
    """

    archive: str
    instances: int
    came: int


@dataclass(frozen=True)
class StudyFacts:
    """All that the decision looks at.

    Attributes:
        quiet_seconds: since the last new image, measured on the monotonic clock.
        series: what is here, by series.
        study_images: Number of Study Related Instances (0020,1208), the largest announced; None when not announced.
        association_open: an association that brought images of this study has not ended.
        association_silent_seconds: how long that association has been silent.
        asked: the operator asked for the study to be closed.
        counted: by an archive; None when the study is not fetched from one, or it does not say.
    """

    quiet_seconds: float
    series: tuple[SeriesFacts, ...]
    study_images: int | None = None
    association_open: bool = False
    association_silent_seconds: float = 0.0
    asked: bool = False
    counted: Counted | None = None

    @property
    def images(self) -> int:
        """Instances that are here."""
        return sum(series.images for series in self.series)

    @property
    def expected(self) -> int | None:
        """How many images there should be, as far as anything believable was announced; else None.

        What an archive counts goes first, then the number for the study, then the numbers of its series. Where only
        some series announced theirs, a lack is known as soon as one is short; that all are here is not known then.
        """
        if self.believed is not None:
            return self.believed.instances - self.believed.came + self.images
        study = _informative(self.study_images, self.images)
        if study is not None:
            return study
        total = sum(series.expected or series.images for series in self.series)
        known = all(series.expected is not None for series in self.series)
        return total if total > self.images or (known and total) else None

    @property
    def believed(self) -> Counted | None:
        """What the archive counts, unless more has come meanwhile."""
        return self.counted if self.counted is not None and self.counted.instances >= self.counted.came else None


@dataclass(frozen=True)
class Verdict:
    """Complete or not.

    Attributes:
        complete: the study can be routed.
        reason: one plain sentence for the operator.
        partial: it is complete, but with fewer images than announced.
        expected: images that should be here; None when unknown.
        seconds: of further quiet until it is complete by time alone; 0 when it is.
    """

    complete: bool
    reason: str
    partial: bool = False
    expected: int | None = None
    seconds: float = 0.0


def decide(facts: StudyFacts, settings: StudySettings) -> Verdict:
    """Whether the study is complete, and why.

    Pure, and monotone in `facts.quiet_seconds`: with all other facts equal, a study that is complete stays complete.
    """
    if facts.asked:
        return _closed(facts, "the operator")
    if facts.association_open and facts.association_silent_seconds < settings.open_association_seconds:
        left = settings.open_association_seconds - facts.association_silent_seconds
        reason = "an association that brings its images is still open"
        return Verdict(False, reason, expected=facts.expected, seconds=left)
    left = _wait(facts, settings) - facts.quiet_seconds
    if left > 0:
        return Verdict(False, _waiting(facts, left), expected=facts.expected, seconds=left)
    return _closed(facts, "timer")


def _informative(announced: int | None, here: int) -> int | None:
    return announced if announced is not None and announced >= max(here, 1) else None


def _wait(facts: StudyFacts, settings: StudySettings) -> float:
    """Seconds of quiet that these facts ask for."""
    quiet = max((settings.quiet_for(series.modality) for series in facts.series), default=settings.quiet_for(""))
    if facts.expected is None:
        return quiet
    if facts.expected > facts.images:
        return quiet + settings.missing_wait_seconds
    return settings.settled_seconds


def _waiting(facts: StudyFacts, seconds: float) -> str:
    if facts.expected is None:
        here = f"{_count(facts.images)} so far, none announced as the last"
    elif facts.believed is not None:
        here = _of_archive(facts.believed)
    elif facts.expected > facts.images:
        here = f"{facts.images} of {_count(facts.expected, 'expected ')} so far"
    else:
        here = f"all {_count(facts.expected, 'expected ')} here"
    return f"{here}; waiting {ceil(seconds)} s more for quiet"


def _closed(facts: StudyFacts, by: str) -> Verdict:
    partial = facts.expected is not None and facts.expected > facts.images
    if facts.believed is not None:
        reason = (f"closed by {by}, " if partial else "") + _of_archive(facts.believed)
    elif partial:
        reason = f"closed by {by}, {facts.images} of {_count(facts.expected, 'expected ')}"
    elif facts.expected is not None:
        reason = f"all {_count(facts.expected, 'expected ')} here"
    else:
        reason = f"closed by {by}, no new image for {facts.quiet_seconds:.0f} s"
    return Verdict(True, reason, partial=partial, expected=facts.expected)


def _of_archive(counted: Counted) -> str:
    of = f"all {counted.instances}" if counted.came == counted.instances else f"{counted.came} of {counted.instances}"
    return f"{of} instances that {counted.archive} counts have come"


def _count(images: int | None, kind: str = "") -> str:
    return f"{images} {kind}image{'' if images == 1 else 's'}"
