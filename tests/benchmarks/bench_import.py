"""What `import codat_notebook` costs above a bare Python: the price of a mention in a start-up file."""

import subprocess
import sys
import time

RUNS = 15
GOAL_MS = 60.0


def fastest_ms(code: str) -> float:
    """Wall time of a fresh interpreter that runs the code, the fastest of several."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def bench_import() -> None:
    """Importing the root costs less than 60 ms."""
    extra = fastest_ms("import codat_notebook") - fastest_ms("")
    print(f"import codat_notebook: {extra:.1f} ms above bare Python (goal: under {GOAL_MS:.0f} ms)")
    assert extra < GOAL_MS
