"""How long browser tests wait, in one place: generous, for who waits for a condition goes on as soon as it holds.

The values suit a machine five times slower than an idle one with two cores: there JupyterLab takes half a minute to
answer and a page ten seconds to draw. What never comes true fails the same, only later.
"""

#: Seconds until a server answers, and until it has ended with its kernels.
START, STOP = 240.0, 60.0
#: Seconds until something holds on the Python side of a page.
CONDITION = 60.0
#: Milliseconds until a page shows what is expected, and until an element can be clicked.
EXPECT, ACTION = 60_000, 90_000
#: Milliseconds until a front end has started and its kernel has answered.
NOTEBOOK = 180_000
