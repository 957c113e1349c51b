"""What refusals teach: the rate after them, and how it grows."""

from __future__ import annotations

import math

import pytest

from textin_provider.api.learned_rate import LearnedRate

FIRST = LearnedRate.after_refusal(0.1, 0.0, None, 0.0)


def test_the_first_refusal_halves_the_rate() -> None:
    assert LearnedRate(spacing=0.2, refused=0.1, hits=1) == FIRST


def test_a_refusal_soon_after_it_halves_the_rate_again() -> None:
    assert LearnedRate.after_refusal(0.2, 0.0, FIRST, 3.9) == LearnedRate(0.4, 0.2, hits=2)


def test_a_refusal_after_twenty_requests_corrects_the_rate_by_a_tenth() -> None:
    assert LearnedRate.after_refusal(0.2, 0.0, FIRST, 4.0) == LearnedRate(0.2 / 0.9, 0.2, hits=1)


def test_a_first_refusal_after_twenty_requests_corrects_the_rate_by_a_tenth_too() -> None:
    assert LearnedRate.after_refusal(0.2, 0.0, None, 3.9) == LearnedRate(0.4, 0.2)
    assert LearnedRate.after_refusal(0.2, 0.0, None, 4.0) == LearnedRate(0.2 / 0.9, 0.2)


def test_twenty_quick_requests_within_two_seconds_do_not_prove_a_rate() -> None:
    assert LearnedRate.after_refusal(0.02, 0.0, None, 1.9) == LearnedRate(0.04, 0.02)
    assert LearnedRate.after_refusal(0.02, 0.0, None, 2.0) == LearnedRate(0.02 / 0.9, 0.02)


def test_refusals_in_a_row_lower_the_rate_to_one_request_in_five_seconds() -> None:
    learned = FIRST
    for _ in range(100):
        learned = LearnedRate.after_refusal(learned.spacing, 0.0, learned, 0.0)
    assert learned.spacing == 5.0
    assert learned.hits == 16


@pytest.mark.parametrize("gap", [5.1, math.inf])
@pytest.mark.parametrize("in_force", [0.05, 0.5, 5.0])
@pytest.mark.parametrize(("former", "hits"), [(None, 1), (FIRST, 2)])
def test_a_refusal_of_rare_requests_keeps_the_rate_in_force(
    in_force: float, gap: float, former: LearnedRate | None, hits: int
) -> None:
    assert LearnedRate.after_refusal(in_force, gap, former, 0.0) == LearnedRate(in_force, in_force, hits)


def test_a_rate_in_force_of_less_than_one_request_in_five_seconds_is_left_to_the_ceiling() -> None:
    assert LearnedRate.after_refusal(9.0, 0.0, None, 0.0) == LearnedRate(5.0, 5.0)


def test_one_request_in_five_seconds_is_not_rare() -> None:
    assert LearnedRate.after_refusal(5.0, 0.0, None, 0.0) == LearnedRate(5.0, 5.0, hits=1)


def test_many_refusals_of_rare_requests_do_not_lower_the_rate() -> None:
    learned = FIRST
    for _ in range(100):
        learned = LearnedRate.after_refusal(0.2, math.inf, learned, 0.0)
    assert learned == LearnedRate(0.2, 0.2, hits=16)


def test_the_rate_grows_by_a_percent_a_request_up_to_a_tenth_below_the_refused_one() -> None:
    assert FIRST.spacing_after(0.0) == pytest.approx(0.2)
    assert FIRST.spacing_after(0.2) == pytest.approx(0.2 * math.exp(-0.01))
    border = 0.1 / 0.9
    requests = math.log(0.2 / border) / 0.01
    assert FIRST.spacing_after(0.2 * requests) == pytest.approx(border)


@pytest.mark.parametrize(("more", "factor"), [(0.5, math.exp(-0.00015)), (1000, math.exp(-0.3))])
def test_the_slow_growth_begins_where_the_quick_one_ends(more: float, factor: float) -> None:
    border = 0.1 / 0.9
    requests = math.log(0.2 / border) / 0.01
    assert FIRST.spacing_after(0.2 * (requests + more)) == pytest.approx(border * factor)


def test_beyond_that_the_rate_grows_by_a_tenth_in_some_350_requests() -> None:
    border = 0.1 / 0.9
    corrected = LearnedRate(border, 0.1)
    assert corrected.spacing_after(border * 351) > 0.1 > corrected.spacing_after(border * 352)


def test_the_rate_only_grows() -> None:
    spacings = [FIRST.spacing_after(age / 10) for age in range(5000)]
    assert spacings == sorted(spacings, reverse=True)


def test_processes_share_it_as_text() -> None:
    assert FIRST.to_text() == "[0.2, 0.1, 1]"
    assert LearnedRate.from_text(FIRST.to_text()) == FIRST
    most = LearnedRate(5.0, 5.0, 16)
    assert LearnedRate.from_text(most.to_text()) == most


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "[0.2, 0.1]", "[0.2, 0.1, 1, 1]", '["a", 1, 1]', "[0, 0, 1]", "[0.1, 0.2, 1]",
     "[9.0, 0.1, 1]", "[0.2, 0.1, 0]", "[0.2, 0.1, 17]", "[NaN, 0.1, 1]", "[0.2, NaN, 1]", "{}",
     "[Infinity, 1, 1]"],
)  # fmt: skip
def test_any_other_text_teaches_nothing(text: str) -> None:
    assert LearnedRate.from_text(text) is None
