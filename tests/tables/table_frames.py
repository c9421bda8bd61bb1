"""Frames for tests of tables: pull operations in any number, and the frames that tables are known to break on."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

HOSTILE = '<img src=x onerror="window.pwned = true"><script>window.pwned = true</script>'
_STATUSES = ("Complete", "Complete", "Complete", "Mapping", "Fetching", "PermissionsError", "NotSupported", "Queued")
_TYPES = ("invoices", "payments", "creditNotes", "customers", "profitAndLoss", "banking-transactions")
_MESSAGES = {"PermissionsError": "User lacks the role “View Credit Memos”", "NotSupported": "Plaid has no such data"}


def operations(count: int, seed: int = 7) -> pd.DataFrame:
    """Pull operations as `session.history` gives them: the same ones for the same seed."""
    random = np.random.default_rng(seed)
    statuses = random.choice(_STATUSES, count)
    start = pd.Timestamp("2026-11-23T13:58:07Z")
    steps = pd.to_timedelta(random.integers(1, 3600, count).cumsum(), unit="s")
    words = random.integers(0, 2**32, (count, 4), dtype=np.uint64)
    return pd.DataFrame({
        "data_type": pd.Categorical(random.choice(_TYPES, count)),
        "status": pd.Categorical(statuses),
        "platform": pd.Categorical(random.choice(["NetSuite", "Plaid", "Shopify"], count)),
        "requested": start - steps,
        "completed": start - steps + pd.to_timedelta(random.integers(1, 90, count), unit="s"),
        "duration": pd.to_timedelta(random.integers(1, 4000, count), unit="s"),
        "progress": pd.array(random.integers(0, 101, count), dtype="Int64"),
        "message": pd.array([_MESSAGES.get(status) for status in statuses], dtype="string"),
        "is_completed": pd.array(statuses == "Complete", dtype="boolean"),
        "is_errored": pd.array(statuses == "PermissionsError", dtype="boolean"),
        "id": pd.array([f"{a:08x}-{b & 0xFFFF:04x}-4{c & 0xFFF:03x}-a000-{d:012x}" for a, b, c, d in words.tolist()],
                       dtype="string"),
        "company_id": pd.Categorical(["c8d3af58-7011-47ce-b3f2-89faf300ef6d"] * count),
    })  # fmt: skip


def awkward() -> dict[str, pd.DataFrame]:
    """By name, the frames that break tables: empty, missing, twice, nested, long, wide."""
    return {
        "empty": operations(0),
        "no columns": pd.DataFrame(index=range(3)),
        "nothing": pd.DataFrame(),
        "missing": pd.DataFrame({
            "id": ["a", None, "c"], "n": [1.5, np.nan, np.inf], "t": [pd.NaT, pd.Timestamp(0), None],
            "s": pd.array(["x", None, "y"], dtype="string"), "all": [None] * 3, "status": ["Complete", None, "Odd"],
        }),
        "names twice": pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "a", "b"]),
        "levels": pd.DataFrame(
            [[1, 2], [3, 4]],
            index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["letter", None]),
            columns=pd.MultiIndex.from_tuples([("size", "min"), ("size", "max")]),
        ),
        "categories": pd.DataFrame({
            "plain": pd.Categorical(["b", None, "a"]),
            "ordered": pd.Categorical(["low", "high", "mid"], categories=["low", "mid", "high"], ordered=True),
        }),
        "times": pd.DataFrame({
            "aware": pd.to_datetime(["2026-07-01T12:00:00Z", None, "2026-01-01T12:00:00.123456Z"], format="ISO8601"),
            "tokyo": pd.to_datetime(["2026-07-01T12:00:00+09:00"] * 3),
            "naive": pd.to_datetime(["2026-07-01T12:00:00"] * 3),
            "mixed": [datetime(2026, 1, 1, tzinfo=UTC), "2026-02-30T99:99", date(2026, 1, 1)],
            "length": [timedelta(seconds=90), pd.NaT, timedelta(days=40)],
        }),
        "nested": pd.DataFrame({"a": [{"k": [1, 2]}, [None], {3}], "b": [b"x", 1 + 2j, object]}),
        "texts": pd.DataFrame({
            "name": [
                "x" * 500, "שלום עולם", "🏦 émile 👩‍💻", HOSTILE, "line\nbreak\ttab", "half \ud83d pair",
                "\u202egnp.exe",
            ],
            HOSTILE: list(range(7)),
        }),
        "wide": pd.DataFrame(np.arange(600).reshape(3, 200), columns=[f"column_{n}" for n in range(200)]),
        "index twice": pd.DataFrame({"v": [1, 2]}, index=["same", "same"]),
    }  # fmt: skip
