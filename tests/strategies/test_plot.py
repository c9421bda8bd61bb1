"""The picture of a simulation."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from codat_notebook.strategies import Portfolio, every, simulate


def test_the_plot_draws_the_timeline() -> None:
    """Each line of the picture is a column of ``timeline``, day by day."""
    mpl.use("Agg")
    result = simulate(every("7D"), Portfolio.synthetic(5, seed=1), days=10, budget="20 refreshes/day")
    axes = np.ravel(result.plot())
    drawn = [line.get_ydata() for axis in axes for line in axis.get_lines() if len(line.get_ydata()) == 10]
    columns = [result.timeline[name].to_numpy(dtype=float) for name in result.timeline.columns.drop("time")]
    assert drawn
    assert all(any(np.allclose(y, column) for column in columns) for y in drawn)
    plt.close(axes[0].figure)


def test_the_bars_are_the_weighted_freshness_by_type() -> None:
    """The bars of a panel are the rows of ``by``, the freshest on top; where there are many, both ends of them."""
    mpl.use("Agg")
    result = simulate(every("7D"), Portfolio.synthetic(12, seed=1), days=3, budget="20 refreshes/day")
    axes = result.plot(title="Mine")
    platforms = result.by("platform")["freshness"]
    assert [bar.get_width() for bar in axes[1, 1].patches] == platforms.tolist()[::-1]
    assert len(axes[0, 1].patches) == 12 < len(result.by("data_type"))
    assert np.average(
        platforms, weights=result.cells.groupby("platform", observed=True)["weight"].sum()[platforms.index]
    ) == pytest.approx(result.metrics["freshness"])
    assert axes[0, 0].figure.get_suptitle() == "Mine"
    plt.close(axes[0, 0].figure)
