"""The picture of a simulation."""

import matplotlib as mpl
import numpy as np
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
    for axis in axes:
        plt.close(axis.figure)
