"""Series of parcels as arrays: clouds marked, dates aligned, broken tables refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.processing.datasets import BANDS, align_series, clear_dates, series_arrays

GROUND = dict(zip(BANDS, [.12, .10, .10, .08, .12, .25, .30, .32, .34, .12, .001, .20, .11], strict=True))  # fmt: skip


def rows(*entries: tuple[int, str]) -> pd.DataFrame:
    return pd.DataFrame([{"parcel_id": p, "date": d} | GROUND for p, d in entries])


@pytest.mark.parametrize(
    ("change", "clear"),
    [
        ({}, True),
        ({"B02": 0.23}, False),
        ({"B10": 0.007}, False),
        ({"B03": 0.5, "B11": 0.08}, False),
        ({"B03": 0.15, "B11": 0.02}, True),  # dark: shadow or water, not snow
        ({"B05": np.nan}, False),
    ],
)
def test_each_spectral_test_marks_its_case(change: dict[str, float], clear: bool) -> None:
    assert clear_dates([list((GROUND | change).values())]).tolist() == [clear]


def test_rows_find_their_place_whatever_their_order() -> None:
    table = rows((2, "2018-05-15"), (1, "2018-06-15"), (1, "2018-05-15"))
    table.loc[0, "B08"] = 0.5
    samples, valid, dates = series_arrays(table, [1, 2, 3])
    assert dates.astype(str).tolist() == ["2018-05-15", "2018-06-15"]
    assert valid.tolist() == [[True, True], [True, False], [False, False]]
    assert samples[1, 0, BANDS.index("B08")] == np.float32(0.5)
    assert (samples[~valid] == 0).all()


def test_broken_tables_are_refused() -> None:
    with pytest.raises(DataBrokenError, match="two rows"):
        series_arrays(rows((1, "2018-05-15"), (1, "2018-05-15")), [1])
    with pytest.raises(DataBrokenError, match="B8A"):
        series_arrays(rows((1, "2018-05-15")).drop(columns="B8A"), [1])
    with pytest.raises(InputError):
        clear_dates(np.zeros((2, 12)))


def test_observations_go_to_the_nearest_day_and_clear_ones_win() -> None:
    samples = np.arange(3, dtype=np.float32)[None, :, None] * np.ones((1, 3, 13), np.float32)
    dates = np.array(["2019-04-28", "2019-05-02", "2019-06-20"], "datetime64[D]")
    days = [120, 135]  # 30 April and 15 May
    near, valid = align_series(samples, np.array([[True, False, True]]), dates=dates, days=days)
    assert valid.tolist() == [[True, False]]
    assert near[0, 0, 0] == 0  # the cloudy one is as near, the clear one is taken
    near, valid = align_series(samples, np.array([[False, True, True]]), dates=dates, days=days)
    assert valid.tolist() == [[True, False]]
    assert near[0, 0, 0] == 1
    _, valid = align_series(
        samples, np.ones((1, 3), bool), dates=dates, days=days, tolerance_days=60
    )
    assert valid.tolist() == [[True, True]]
