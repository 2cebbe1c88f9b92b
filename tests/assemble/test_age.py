import pytest

from node.assemble.age import age_years


@pytest.mark.parametrize(("text", "years"), [("045Y", 45), ("006M", 0.5), ("026W", 0.5), ("003D", 0.008), ("7Y", 7)])
def test_an_age_string_in_any_unit_is_given_in_years(text, years):
    assert age_years(text) == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize("text", ["", "abc", "045", "45 years", "-01Y", "1000Y"])
def test_what_is_no_age_string_gives_no_age(text):
    assert age_years(text) is None
