"""Days of times, in the forms in which people and programs write them."""

import pytest

from heat_core.days import NO_DAY, days_of_texts
from heat_core.errors import HeatError

FIRST_OF_MAY = [
    *("2026-05-01", "2026-5-1", "2026-05-01T23:30:00-05:00", "2026/05/01", "2026:05:01 10:00:00", "2026.05.01"),
    *("20260501", "20260501T100000Z", "20260501_100000", "202605011000", "20260501100000", "20260501100000123"),
    *("2026-W18-5", "2026W185T10", "01.05.2026 10:00", "1.5.2026", " 2026-05-01 "),
    *("Fri, 01 May 2026 10:00:00 GMT", "Fri May  1 10:00:00 2026", "1 May 2026", "May 1, 2026", "01-May-2026 10:00"),
    *("1777629600", "1777629600.5", "1777629600000", "1777629600000000", "1777629600000000000", "1.7776296e+18"),
]


@pytest.mark.parametrize("text", FIRST_OF_MAY)
def test_forms_of_one_day(text):
    assert days_of_texts([text]) == ["2026-05-01"]


@pytest.mark.parametrize("text", ["morning", "10:03:22", "17", "0.5", "1e400", "nan", "2026-13-45", "01.05.26"])
def test_what_is_no_day(text):
    assert days_of_texts([text]) is None


def test_a_few_wrong_values_among_times_are_no_day():
    assert days_of_texts(["2026-05-01", "unknown", "", "2026-05-02", "0000-00-00"]) is None
    found = days_of_texts(["2026-05-01", "unknown", "", "2026-05-02", "20260501"])
    assert found == ["2026-05-01", NO_DAY, "", "2026-05-02", "2026-05-01"]
    assert days_of_texts([]) is None
    assert days_of_texts(["", ""]) is None


@pytest.mark.parametrize("between", ["/", "-"])
def test_day_and_month_are_told_apart_or_refused(between):
    def dates(*numbers):
        return [between.join(parts.split()) for parts in numbers]

    assert days_of_texts(dates("01 05 2026", "13 05 2026")) == ["2026-05-01", "2026-05-13"]
    assert days_of_texts(dates("05 01 2026", "05 13 2026 10:00")) == ["2026-05-01", "2026-05-13"]
    assert days_of_texts(dates("05 05 2026")) == ["2026-05-05"]
    with pytest.raises(HeatError, match=f"'01{between}05{between}2026' can begin with its day or its month"):
        days_of_texts(dates("01 05 2026", "02 05 2026"))
