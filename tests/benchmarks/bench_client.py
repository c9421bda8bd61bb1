"""The client's speed against raw httpx and http.client with msgspec and both official SDKs, in one run.

``python tests/benchmarks/bench_client.py`` measures everything and writes RESULTS.md beside itself; under pytest the
goals are asserted. CPU time of processes of their own is compared, which a busy machine does not blur as it does wall
time; the peers take turns, and medians of the ratios of each turn are reported. The server is another process that
answers from memory. codat-lending 11.0.1 gets an environment of its own.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from client_peers import BARE, CHECK, FRAME, HTTPX, ID, ONE_BY_ONE, ONE_CALL, OURS, READY, ROWS, SDK_11, SDK_12, SERVER

ROUNDS, CALLS = 5, 150
RESULTS = Path(__file__).with_name("RESULTS.md")
PRELUDE = f'import time, warnings; warnings.simplefilter("ignore")\nID = "{ID}"\n'
#: A program's own peak (Linux): ru_maxrss also counts what its parent had before it was this program.
PEAK = 'import re; print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)'


class Goal(NamedTuple):
    """``peer`` costs at most ``most`` times what ``base`` costs (or at least, if ``least``)."""

    peer: str
    base: str
    ratio: float
    least: bool = False

    def met(self, found: dict[str, list[float]]) -> tuple[bool, float]:
        """Whether it is, and the ratio."""
        measured = ratio(found, self.peer, self.base)
        return (measured >= self.ratio if self.least else measured <= self.ratio), measured


class Table(NamedTuple):
    """One measured piece of work: peer -> its rounds."""

    title: str
    unit: str
    base: str
    found: dict[str, list[float]]
    goals: list[Goal]


def ratio(found: dict[str, list[float]], peer: str, base: str) -> float:
    """The median of the ratios of all rounds."""
    return statistics.median(a / b for a, b in zip(found[peer], found[base], strict=True))


@contextmanager
def server(latency: float = 0.0) -> Iterator[str]:
    """The address of a server in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(latency)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


@cache
def old_sdk() -> str:
    """The Python of an environment with codat-lending 11.0.1, made once per run."""
    home = tempfile.TemporaryDirectory(prefix="codat-lending-11-")
    old_sdk.home = home  # type: ignore[attr-defined] # removed when the process ends
    venv.create(home.name, with_pip=True)
    python = Path(home.name, "Scripts" if os.name == "nt" else "bin", "python")
    subprocess.run([python, "-m", "pip", "-q", "install", "codat-lending==11.0.1", "pandas"], check=True)
    return str(python)


def number(peer: str, code: str, url: str) -> float:
    """The number that a fresh Python prints."""
    filled = (PRELUDE + code).replace("{url}", url).replace("{host}", url.removeprefix("http://"))
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    python = old_sdk() if peer == SDK_11 else sys.executable
    done = subprocess.run([python, "-c", filled], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def rounds(codes: dict[str, str], url: str = "", times: int = ROUNDS) -> dict[str, list[float]]:
    """The peers take turns."""
    found: dict[str, list[float]] = {peer: [] for peer in codes}
    for _ in range(times):
        for peer, code in codes.items():
            found[peer].append(number(peer, code, url))
    return found


def importing() -> Table:
    """Import and construct, for the real address: with a TLS context."""
    end = "\nprint(time.process_time() * 1000)"
    codes = {"httpx.Client()": "import httpx; httpx.Client()" + end}
    codes |= {peer: READY[peer].replace("{url}", "https://api.codat.io") + end for peer in (OURS, SDK_12, SDK_11)}
    found = rounds(codes)
    bare = statistics.median(rounds({OURS: end})[OURS])
    found = {peer: [value - bare for value in values] for peer, values in found.items()}
    title = "Import and construct, a fresh process (codat_notebook loads httpx and TLS only with its first call)"
    return Table(
        title, "ms of CPU above bare Python", "httpx.Client()", found,
        [Goal(OURS, "httpx.Client()", 1.25)],
    )  # fmt: skip


def one_call(url: str, call: str) -> Table:
    """One call after twenty that warm up."""
    codes = {}
    for peer, calls in ONE_CALL.items():
        loop = (
            f"for _ in range(20): {calls[call]}\nstart = time.process_time()\nfor _ in range({CALLS}): {calls[call]}\n"
        )
        codes[peer] = READY[peer] + loop + f"print((time.process_time() - start) / {CALLS} * 1e6)"
    return Table(f"One call: {call}", "µs of CPU", HTTPX, rounds(codes, url), [Goal(OURS, HTTPX, 1.15)])


def history(url: str, *, memory: bool) -> Table:
    """100,000 operations to a typed frame, the same for all peers. First connection and imports are not counted, nor is
    a first walk that fills the server's memory.
    """
    codes = {}
    for peer, frame in FRAME.items():
        imports = "import pandas; from codat_notebook import frames" if peer == OURS else "import pandas"
        warm = f"{ONE_CALL[peer]['get status']}\nSIZE = 5000\n{imports}\n"
        work = f"start = time.process_time()\n{ROWS[peer]}{frame}took = time.process_time() - start\n"
        codes[peer] = READY[peer] + warm + work + (PEAK if memory else f"{CHECK}print(took)")
    number(OURS, codes[OURS], url)
    found = rounds(codes, url, 1 if memory else ROUNDS)
    if memory:
        return Table("The same: peak memory of the process", "MB", HTTPX, found, [Goal(OURS, HTTPX, 1.3)])
    sdks = [Goal(sdk, OURS, 8, least=True) for sdk in (SDK_12, SDK_11)]
    title = "100,000 pull operations to a typed DataFrame, page size 5,000"
    return Table(title, "s of CPU", HTTPX, found, [Goal(OURS, HTTPX, 1.25), *sdks])


def latency(url: str) -> Table:
    """All rows with 20 ms per answer; a first walk fills the server's memory."""
    codes = {}
    for peer in (OURS, ONE_BY_ONE, HTTPX, BARE):
        warm = f"{ONE_CALL.get(peer, ONE_CALL[OURS])['get status']}\nSIZE = 1000\nstart = time.perf_counter()\n"
        codes[peer] = READY[peer] + warm + ROWS[peer] + "print(time.perf_counter() - start)"
    number(OURS, codes[OURS], url)
    title = "100,000 pull operations, 20 ms an answer, page size 1,000"
    return Table(title, "s of wall time", ONE_BY_ONE, rounds(codes, url), [Goal(ONE_BY_ONE, OURS, 4, least=True)])


def written(table: Table) -> str:
    """A table as Markdown, with its goals."""
    lines = [f"## {table.title}", "", f"| | {table.unit}, median | ratio to {table.base} |", "|---|---:|---:|"]
    for peer, values in table.found.items():
        lines.append(f"| {peer} | {shown(statistics.median(values))} | {ratio(table.found, peer, table.base):.2f} |")
    for goal in table.goals:
        met, measured = goal.met(table.found)
        sign = ">=" if goal.least else "<="
        lines += [
            "",
            f"{goal.peer} {sign} {goal.ratio} x {goal.base}: {measured:.2f}, **{'met' if met else 'not met'}**.",
        ]
    return "\n".join(lines)


def shown(value: float) -> str:
    """Three digits, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def checked(table: Table) -> None:
    """Print a table and hold it to its goals."""
    print("\n" + written(table))
    missed = [goal for goal in table.goals if not goal.met(table.found)[0]]
    assert not missed, f"{table.title}: {missed}"


def bench_import_and_construct() -> None:
    """At most 1.25 times httpx and one of its clients."""
    checked(importing())


def bench_one_call() -> None:
    """At most 1.15 times raw httpx with msgspec."""
    with server() as url:
        for call in ONE_CALL[OURS]:
            checked(one_call(url, call))


def bench_history() -> None:
    """At most 1.25 times raw httpx with msgspec into the same columns, 1.3 times its memory; the SDKs 8 times ours."""
    with server() as url:
        checked(history(url, memory=False))
        checked(history(url, memory=True))


def bench_latency() -> None:
    """At least 4 times faster than one page after the other."""
    with server(0.02) as url:
        checked(latency(url))


def main() -> None:
    """Measure everything and write it down."""
    tables = [importing()]
    with server() as url:
        tables += [one_call(url, call) for call in ONE_CALL[OURS]]
        tables += [history(url, memory=False), history(url, memory=True)]
    with server(0.02) as url:
        tables.append(latency(url))
    RESULTS.write_text("\n\n".join([head(), *map(written, tables), slower(tables)]) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


def head() -> str:
    """When, where, how."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return (
        "# The client's speed\n\nWritten by `python tests/benchmarks/bench_client.py`; not edited by hand.\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}. Every peer runs in a process of its own against the same server, "
        f"in turns: {ROUNDS} rounds. Values are medians, ratios are medians of each "
        "round's ratio. Every peer builds the same columns with the same types as `frames.pull_operations`, "
        "and it is checked."
    )


def slower(tables: list[Table]) -> str:
    """Every peer that costs less than we do, from the numbers."""
    lines = ["## Where codat_notebook is not faster", ""]
    for table in tables:
        for peer in table.found:
            if peer != OURS and (times := ratio(table.found, OURS, peer)) > 1:
                lines.append(f"- {table.title}: {peer} costs less; codat_notebook takes {times:.2f} times as much.")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
