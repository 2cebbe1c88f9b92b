from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.assemble import Counted, Performed, SeriesFacts, StudyFacts, decide
from node.config import StudySettings

# quiet: 10 s, CR and DX 2 s; settled 1 s; missing 30 s; open association 600 s; open step 7200 s
SETTINGS = StudySettings()


def study(quiet=0.0, images=4, modality="CT", announced=None, **facts):
    return StudyFacts(quiet, (SeriesFacts(modality, images, announced),), **facts)


def test_a_study_without_announced_numbers_is_complete_after_its_quiet_time():
    assert not decide(study(quiet=9.9), SETTINGS).complete
    verdict = decide(study(quiet=10), SETTINGS)
    assert verdict.complete
    assert not verdict.partial
    assert verdict.expected is None
    assert verdict.reason == "closed by timer, no new image for 10 s"


def test_a_radiograph_is_complete_sooner_than_a_volume():
    assert decide(study(quiet=2, modality="DX"), SETTINGS).complete
    assert not decide(study(quiet=2, modality="MR"), SETTINGS).complete


def test_the_slowest_modality_of_a_study_decides_its_quiet_time():
    facts = StudyFacts(5, (SeriesFacts("DX", 1), SeriesFacts("CT", 30)))
    assert not decide(facts, SETTINGS).complete
    assert decide(replace(facts, quiet_seconds=10), SETTINGS).complete


def test_a_study_with_every_announced_image_is_complete_once_it_has_settled():
    facts = study(quiet=0.5, images=120, study_images=120)
    assert not decide(facts, SETTINGS).complete
    verdict = decide(replace(facts, quiet_seconds=1), SETTINGS)
    assert verdict.complete
    assert not verdict.partial
    assert verdict.expected == 120
    assert verdict.reason == "all 120 expected images here"


def test_a_study_whose_every_series_has_its_announced_images_is_complete_once_it_has_settled():
    facts = StudyFacts(1, (SeriesFacts("MR", 30, 30), SeriesFacts("MR", 20, 20)))
    assert decide(facts, SETTINGS).complete
    assert decide(facts, SETTINGS).expected == 50


def test_one_series_without_a_number_leaves_the_study_to_its_quiet_time():
    facts = StudyFacts(1, (SeriesFacts("MR", 30, 30), SeriesFacts("MR", 20)))
    assert not decide(facts, SETTINGS).complete
    assert decide(replace(facts, quiet_seconds=10), SETTINGS).complete
    assert decide(facts, SETTINGS).expected is None


def test_missing_images_are_waited_for_longer_and_then_the_study_is_partial():
    facts = study(quiet=39.9, images=118, study_images=120)
    verdict = decide(facts, SETTINGS)
    assert not verdict.complete
    assert verdict.reason == "118 of 120 expected images so far; waiting 1 s more for quiet"
    verdict = decide(replace(facts, quiet_seconds=40), SETTINGS)
    assert verdict.complete
    assert verdict.partial
    assert verdict.expected == 120
    assert verdict.reason == "closed by timer, 118 of 120 expected images"


def test_a_series_short_of_its_number_makes_the_study_partial_even_if_another_announced_none():
    facts = StudyFacts(40, (SeriesFacts("MR", 28, 30), SeriesFacts("MR", 20)))
    verdict = decide(facts, SETTINGS)
    assert (verdict.complete, verdict.partial, verdict.expected) == (True, True, 50)


def test_the_number_for_the_study_goes_before_those_of_its_series():
    facts = StudyFacts(1, (SeriesFacts("MR", 30, 30),), study_images=50)
    assert not decide(facts, SETTINGS).complete
    assert decide(facts, SETTINGS).expected == 50


@pytest.mark.parametrize("announced", [0, -1, 3])
def test_a_number_below_what_is_here_tells_nothing(announced):
    for facts in (study(quiet=1, study_images=announced), study(quiet=1, announced=announced)):
        assert not decide(facts, SETTINGS).complete
        assert decide(facts, SETTINGS).expected is None
        assert decide(replace(facts, quiet_seconds=10), SETTINGS).complete


def test_a_wrong_number_for_the_study_leaves_those_of_its_series_in_force():
    facts = StudyFacts(1, (SeriesFacts("MR", 30, 30),), study_images=1)
    assert decide(facts, SETTINGS).complete


def test_an_open_association_holds_its_study_open_even_when_all_images_are_here():
    facts = study(quiet=100, study_images=4, association_open=True, association_silent_seconds=100)
    verdict = decide(facts, SETTINGS)
    assert not verdict.complete
    assert "association" in verdict.reason


def test_an_association_that_stays_open_for_ever_does_not_hold_its_study_for_ever():
    facts = study(quiet=600, association_open=True, association_silent_seconds=600)
    assert decide(facts, SETTINGS).complete


def test_the_operator_closes_a_study_at_once():
    facts = study(quiet=0, association_open=True, asked=True)
    verdict = decide(facts, SETTINGS)
    assert verdict.complete
    assert "operator" in verdict.reason


def test_a_study_that_the_operator_closes_too_early_says_what_is_missing():
    verdict = decide(study(quiet=0, images=1, study_images=2, asked=True), SETTINGS)
    assert verdict.partial
    assert verdict.reason == "closed by the operator, 1 of 2 expected images"


seconds = st.floats(0, 2000, allow_nan=False)
number = st.none() | st.integers(-1, 40)
series = st.builds(SeriesFacts, st.sampled_from(["CT", "DX", "CR", "MR", ""]), st.integers(1, 30), number)
studies = st.builds(
    StudyFacts, seconds, st.lists(series, min_size=1, max_size=4).map(tuple), number, st.booleans(), seconds
)


@given(studies, seconds)
def test_once_complete_a_study_stays_complete_while_it_is_quiet(facts, more):
    before = decide(facts, SETTINGS)
    after = decide(replace(facts, quiet_seconds=facts.quiet_seconds + more), SETTINGS)
    assert after.complete or not before.complete
    assert (after.expected, after.partial) == (before.expected, before.partial) or not before.complete


@given(studies)
def test_every_study_is_complete_sooner_or_later(facts):
    assert decide(replace(facts, quiet_seconds=1e6, association_silent_seconds=1e6), SETTINGS).complete


@given(studies)
def test_the_operator_is_always_obeyed(facts):
    assert decide(replace(facts, asked=True), SETTINGS).complete


@given(studies)
def test_partial_means_complete_with_fewer_images_than_expected(facts):
    verdict = decide(facts, SETTINGS)
    if verdict.partial:
        assert verdict.complete
        assert verdict.expected > facts.images
    if verdict.expected is not None:
        assert verdict.expected >= facts.images


@given(studies)
def test_every_verdict_has_a_reason(facts):
    assert decide(facts, SETTINGS).reason


def test_a_study_of_which_all_that_its_archive_counts_has_come_is_complete_once_it_has_settled():
    facts = study(quiet=1, images=12, counted=Counted("pacs", 12, 12))
    verdict = decide(facts, SETTINGS)
    assert (verdict.complete, verdict.partial, verdict.expected) == (True, False, 12)
    assert verdict.reason == "all 12 instances that pacs counts have come"
    assert not decide(replace(facts, quiet_seconds=0.9), SETTINGS).complete
    assert not decide(replace(facts, association_open=True), SETTINGS).complete


def test_what_is_set_aside_has_come_all_the_same():
    verdict = decide(study(quiet=1, images=12, counted=Counted("pacs", 14, 14)), SETTINGS)
    assert (verdict.complete, verdict.partial, verdict.expected) == (True, False, 12)
    assert verdict.reason == "all 14 instances that pacs counts have come"


def test_what_the_archive_counts_and_has_not_sent_is_waited_for_and_then_the_study_is_partial():
    facts = study(quiet=39.9, images=10, announced=10, study_images=10, counted=Counted("pacs", 12, 10))
    waiting = decide(facts, SETTINGS)
    assert not waiting.complete
    assert waiting.reason == "10 of 12 instances that pacs counts have come; waiting 1 s more for quiet"
    verdict = decide(replace(facts, quiet_seconds=40), SETTINGS)
    assert (verdict.complete, verdict.partial, verdict.expected) == (True, True, 12)
    assert verdict.reason == "closed by timer, 10 of 12 instances that pacs counts have come"


def test_a_count_that_more_has_come_than_is_of_the_past():
    counted = Counted("pacs", 12, 13)
    assert decide(study(quiet=9.9, images=13, counted=counted), SETTINGS).complete is False
    assert decide(study(quiet=10, images=13, counted=counted), SETTINGS).expected is None
    assert decide(study(quiet=1, images=13, study_images=13, counted=counted), SETTINGS).expected == 13


STEP, STEPS = "the modality's performed procedure step", "the modality's 2 performed procedure steps"


def performed(instances=5, came=5, **facts):
    return Performed(1, counted=Counted(STEP, instances, came, "names"), **facts)


def test_a_study_is_complete_once_all_is_here_that_its_ended_step_names_whoever_else_counts_otherwise():
    facts = study(quiet=1, images=5, announced=9, study_images=9, performed=performed(), counted=Counted("pacs", 9, 5))
    verdict = decide(facts, SETTINGS)
    assert (verdict.complete, verdict.partial, verdict.expected) == (True, False, 5)
    assert verdict.reason == f"all 5 instances that {STEP} names have come"
    assert not decide(replace(facts, quiet_seconds=0.9), SETTINGS).complete
    assert decide(replace(facts, notified=Counted("the notification of PACS", 9, 5, "names")), SETTINGS).complete


def test_an_open_association_holds_no_study_open_of_which_all_that_was_made_is_here():
    facts = study(quiet=1, images=5, performed=performed(), association_open=True, association_silent_seconds=1)
    assert decide(facts, SETTINGS).complete
    assert not decide(replace(facts, performed=performed(6, 5)), SETTINGS).complete


def test_a_step_in_progress_holds_its_study_open_until_nothing_was_heard_for_long():
    facts = study(quiet=7199, images=5, study_images=5, performed=Performed(2, open=1), counted=Counted("pacs", 5, 5))
    waiting = decide(facts, SETTINGS)
    assert (waiting.complete, waiting.seconds) == (False, 1)
    still = "1 of the modality's 2 performed procedure steps is IN PROGRESS"
    assert waiting.reason == f"{still}; waiting 1 s more"
    verdict = decide(replace(facts, quiet_seconds=7200), SETTINGS)
    assert (verdict.complete, verdict.partial) == (True, True)
    assert verdict.reason == f"closed by timer, {still}, and nothing was heard for 7200 s"


def test_a_restart_of_the_node_takes_nothing_from_the_limit_of_a_step_but_leaves_time_for_what_could_not_come():
    facts = study(quiet=0, images=5, performed=Performed(1, open=1), silent_seconds=7100)
    assert (decide(facts, SETTINGS).complete, decide(facts, SETTINGS).seconds) == (False, 100)
    late = replace(facts, silent_seconds=90_000)
    assert (decide(late, SETTINGS).complete, decide(late, SETTINGS).seconds) == (False, 10)
    over = decide(replace(late, quiet_seconds=10, silent_seconds=90_010), SETTINGS)
    assert (over.complete, over.partial) == (True, True)
    assert over.reason == f"closed by timer, {STEP} is IN PROGRESS, and nothing was heard for 90010 s"


def test_what_a_step_names_and_has_not_come_is_waited_for_and_then_the_study_is_partial():
    facts = study(quiet=39.9, images=3, performed=performed(5, 3))
    assert not decide(facts, SETTINGS).complete
    verdict = decide(replace(facts, quiet_seconds=40), SETTINGS)
    assert (verdict.complete, verdict.partial, verdict.expected) == (True, True, 5)
    assert verdict.reason == f"closed by timer, 3 of 5 instances that {STEP} names have come"


def test_a_step_that_ended_and_names_nothing_leaves_the_study_to_other_signals():
    facts = study(quiet=1, images=4, performed=Performed(1))
    assert not decide(facts, SETTINGS).complete
    assert decide(replace(facts, quiet_seconds=10), SETTINGS).reason == "closed by timer, no new image for 10 s"
    assert decide(replace(facts, notified=Counted("x", 4, 4, "names")), SETTINGS).complete


def test_a_discontinued_step_closes_its_study_with_what_is_there_and_says_so():
    facts = study(quiet=1, images=5, performed=performed(discontinued=("110514",)))
    verdict = decide(facts, SETTINGS)
    why = "; a performed procedure step was DISCONTINUED (incorrect worklist entry selected)"
    assert (verdict.complete, verdict.hold) == (True, False)
    assert verdict.reason == f"all 5 instances that {STEP} names have come{why}"
    nothing = study(quiet=10, performed=Performed(1, discontinued=("",)))
    reason = "closed by timer, no new image for 10 s; a performed procedure step was DISCONTINUED"
    assert decide(nothing, SETTINGS).reason == reason


def test_a_study_under_the_wrong_worklist_entry_waits_for_a_person_where_that_is_wanted():
    careful = StudySettings(hold_wrong_worklist_entry=True)
    facts = study(quiet=1, images=5, performed=performed(discontinued=("110513", "110514")))
    assert decide(facts, careful).hold
    assert not decide(replace(facts, quiet_seconds=0), careful).hold
    assert not decide(replace(facts, asked=True), careful).hold
    assert not decide(replace(facts, performed=performed(discontinued=("110513",))), careful).hold


def test_what_an_archive_notifies_goes_before_what_it_counts_until_more_comes():
    notified = Counted("the notification of PACS", 4, 4, "names")
    facts = study(quiet=1, images=4, notified=notified, counted=Counted("pacs", 9, 4))
    assert decide(facts, SETTINGS).reason == "all 4 instances that the notification of PACS names have come"
    assert not decide(replace(facts, association_open=True), SETTINGS).complete
    more = study(quiet=1, images=5, notified=notified)
    assert not decide(more, SETTINGS).complete
    missing = replace(facts, quiet_seconds=40, notified=replace(notified, came=1))
    assert decide(missing, SETTINGS).reason == (
        "closed by timer, 1 of 4 instances that the notification of PACS names have come"
    )


def test_one_instance_is_told_as_one():
    facts = study(quiet=1, images=1, performed=performed(1, 1))
    assert decide(facts, SETTINGS).reason == f"the one instance that {STEP} names has come"


@st.composite
def signals(draw, who="x"):
    instances = draw(st.integers(1, 40))
    return Counted(who, instances, draw(st.integers(0, instances)), "names")


ends = st.builds(
    Performed, st.just(2), st.just(0), st.lists(st.sampled_from(["", "110514"])).map(tuple), st.none() | signals()
)
told = st.builds(
    lambda facts, performed, notified: replace(facts, performed=performed, notified=notified),
    studies,
    st.none() | ends | st.just(Performed(2, 1)),
    st.none() | signals(),
)


@given(told, seconds)
def test_whatever_is_told_a_study_that_is_complete_stays_so_and_is_so_sooner_or_later(facts, more):
    before = decide(facts, SETTINGS)
    after = decide(replace(facts, quiet_seconds=facts.quiet_seconds + more), SETTINGS)
    assert after.complete or not before.complete
    assert (after.expected, after.partial) == (before.expected, before.partial) or not before.complete
    assert decide(replace(facts, quiet_seconds=1e6, association_silent_seconds=1e6), SETTINGS).complete
    assert decide(replace(facts, asked=True), SETTINGS).complete
    if before.partial and not (facts.performed and facts.performed.open):
        assert before.expected > facts.images
