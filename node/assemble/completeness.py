"""When a study counts as complete: a pure decision over facts.

DICOM has no message that says "this study is complete": the end of an association means nothing (PS3.4 B.4), and the
counts that a sender may announce are optional and often wrong. So several signals are asked, the best first:

1. the modality's performed procedure steps (MPPS): they end, and name what was made;
2. the archive's notifications (IAN): they name what it has;
3. what an archive counts of a study that is fetched from it (C-FIND);
4. the numbers that the images themselves announce, if they are not smaller than what is already here;
5. quiet, measured by a timer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from node.config import StudySettings
from node.signals import DISCONTINUED, WRONG_ENTRY


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
    """How many instances of the study somebody says that there are.

    Attributes:
        who: says it, e.g. an archive that was asked to send the study.
        instances: that there are.
        came: of them; where they are not named, objects of the study that have come. What is set aside has come, too.
        verb: how it says it.
    """

    who: str
    instances: int
    came: int
    verb: str = "counts"

    @property
    def missing(self) -> int:
        """That have not come."""
        return self.instances - self.came


@dataclass(frozen=True)
class Performed:
    """The modality's performed procedure steps of the study.

    Attributes:
        steps: how many are known.
        open: how many of them are IN PROGRESS.
        discontinued: of those that are DISCONTINUED the codes (:data:`node.signals.DISCONTINUED`) that say why.
        counted: what they name; None while one is open, and when they name nothing.
    """

    steps: int
    open: int = 0
    discontinued: tuple[str, ...] = ()
    counted: Counted | None = None


@dataclass(frozen=True)
class StudyFacts:
    """All that the decision looks at.

    Attributes:
        quiet_seconds: since the last new image, or the last word of modality or archive, on the monotonic clock.
        series: what is here, by series.
        study_images: Number of Study Related Instances (0020,1208), the largest announced; None when not announced.
        association_open: an association that brought images of this study has not ended, or a workitem has it fetched.
        association_silent_seconds: how long that association has been silent.
        asked: the operator asked for the study to be closed.
        counted: by an archive; None when the study is not fetched from one, or it does not say.
        notified: what the notifications of archives name; None when there are none.
        performed: steps of the modality; None when it tells of none.
        silent_seconds: as `quiet_seconds`, but counted on through the end of a node and its next start.
    """

    quiet_seconds: float
    series: tuple[SeriesFacts, ...]
    study_images: int | None = None
    association_open: bool = False
    association_silent_seconds: float = 0.0
    asked: bool = False
    counted: Counted | None = None
    notified: Counted | None = None
    performed: Performed | None = None
    silent_seconds: float = 0.0

    @property
    def images(self) -> int:
        """Instances that are here."""
        return sum(series.images for series in self.series)

    @property
    def expected(self) -> int | None:
        """How many images there should be, as far as anything believable was announced; else None.

        The best signal goes first; of the announced numbers that for the study goes before those of its series. Where
        only some series announced theirs, a lack is known as soon as one is short; that all are here is not known then.
        """
        if self.believed is not None:
            return self.images + self.believed.missing
        study = _informative(self.study_images, self.images)
        if study is not None:
            return study
        total = sum(series.expected or series.images for series in self.series)
        known = all(series.expected is not None for series in self.series)
        return total if total > self.images or (known and total) else None

    @property
    def believed(self) -> Counted | None:
        """The best of those who count.

        Only the modality knows that nothing is to follow: what an archive says is of the past once more has come.
        """
        if self.performed is not None and self.performed.counted is not None:
            return self.performed.counted
        if self.notified is not None and (self.notified.missing or self.notified.instances >= self.images):
            return self.notified
        return self.counted if self.counted is not None and self.counted.instances >= self.counted.came else None

    def is_streaming(self, seconds: float) -> bool:
        """An association that brings its images is open, and has not been silent for so long."""
        return self.association_open and self.association_silent_seconds < seconds

    @property
    def all_performed(self) -> bool:
        """Every step has ended, and all that they name has come: what an open association may bring is none of it."""
        counted = self.performed.counted if self.performed is not None else None
        return counted is not None and not counted.missing


@dataclass(frozen=True)
class Verdict:
    """Complete or not.

    Attributes:
        complete: the study can be routed.
        reason: one plain sentence for the operator.
        partial: it is complete, but with fewer images than announced, or without the end that was waited for.
        expected: images that should be here; None when unknown.
        seconds: of further quiet until it is complete by time alone; 0 when it is.
        hold: a person has to look before it is routed.
    """

    complete: bool
    reason: str
    partial: bool = False
    expected: int | None = None
    seconds: float = 0.0
    hold: bool = False


def decide(facts: StudyFacts, settings: StudySettings) -> Verdict:
    """Whether the study is complete, and why.

    Pure, and monotone in `facts.quiet_seconds`: with all other facts equal, a study that is complete stays complete.
    """
    if facts.asked:
        return _closed(facts, "the operator")
    verdict = _judged(facts, settings)
    hold = verdict.complete and settings.hold_wrong_worklist_entry and WRONG_ENTRY in _codes(facts)
    return replace(verdict, hold=hold)


def _judged(facts: StudyFacts, settings: StudySettings) -> Verdict:
    if facts.performed is not None and facts.performed.open:
        return _in_progress(facts, facts.performed, settings)
    if facts.is_streaming(settings.open_association_seconds) and not facts.all_performed:
        return _association(facts, settings)
    left = _wait(facts, settings) - facts.quiet_seconds
    if left > 0:
        return Verdict(False, _waiting(facts, left), expected=facts.expected, seconds=left)
    return _closed(facts, "timer")


def _in_progress(facts: StudyFacts, performed: Performed, settings: StudySettings) -> Verdict:
    """Modalities forget to end their steps: no study waits for that for ever.

    The limit outlives the node; but what could not come while the node was away has the usual time to come now.
    """
    silent = max(facts.silent_seconds, facts.quiet_seconds)
    left = max(settings.open_step_seconds - silent, _wait(facts, settings) - facts.quiet_seconds)
    step = f"{_some(performed)} IN PROGRESS"
    if left > 0:
        return Verdict(False, f"{step}; waiting {ceil(left)} s more", expected=facts.expected, seconds=left)
    silence = f"nothing was heard for {silent:.0f} s"
    reason = f"closed by timer, {step}, and {silence}{_discontinued(facts)}"
    return Verdict(True, reason, partial=True, expected=facts.expected)


def _some(performed: Performed) -> str:
    if performed.steps == 1:
        return "the modality's performed procedure step is"
    verb = "is" if performed.open == 1 else "are"
    return f"{performed.open} of the modality's {performed.steps} performed procedure steps {verb}"


def _association(facts: StudyFacts, settings: StudySettings) -> Verdict:
    left = settings.open_association_seconds - facts.association_silent_seconds
    reason = "an association that brings its images, or a fetch for a workitem, is not over"
    return Verdict(False, reason, expected=facts.expected, seconds=left)


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
        here = _counted(facts.believed)
    elif facts.expected > facts.images:
        here = f"{facts.images} of {_count(facts.expected, 'expected ')} so far"
    else:
        here = f"all {_count(facts.expected, 'expected ')} here"
    return f"{here}; waiting {ceil(seconds)} s more for quiet"


def _closed(facts: StudyFacts, by: str) -> Verdict:
    partial = facts.expected is not None and facts.expected > facts.images
    if facts.believed is not None:
        reason = (f"closed by {by}, " if partial else "") + _counted(facts.believed)
    elif partial:
        reason = f"closed by {by}, {facts.images} of {_count(facts.expected, 'expected ')}"
    elif facts.expected is not None:
        reason = f"all {_count(facts.expected, 'expected ')} here"
    else:
        reason = f"closed by {by}, no new image for {facts.quiet_seconds:.0f} s"
    return Verdict(True, reason + _discontinued(facts), partial=partial, expected=facts.expected)


def _counted(counted: Counted) -> str:
    if counted.instances == 1 and not counted.missing:
        return f"the one instance that {counted.who} {counted.verb} has come"
    of = f"all {counted.instances}" if not counted.missing else f"{counted.came} of {counted.instances}"
    return f"{of} instances that {counted.who} {counted.verb} have come"


def _count(images: int | None, kind: str = "") -> str:
    return f"{images} {kind}image{'' if images == 1 else 's'}"


def _codes(facts: StudyFacts) -> tuple[str, ...]:
    """Why steps were discontinued, one for each."""
    return facts.performed.discontinued if facts.performed is not None else ()


def _discontinued(facts: StudyFacts) -> str:
    if not _codes(facts):
        return ""
    told = [DISCONTINUED[code] for code in dict.fromkeys(_codes(facts)) if code]
    return "; a performed procedure step was DISCONTINUED" + (f" ({', '.join(told)})" if told else "")
