"""What a plan and an estimate show as a cell's last line: what it comes to, in sentences, then the rows that count.

Both stay frames with plain values. A part of one that lacks what the sentences are made of is shown as any frame.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pandas as pd

from codat_notebook import frames
from codat_notebook.columns import Frame, html_table
from codat_notebook.markup import h
from codat_notebook.models.looks import looks
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.planning.estimate import ALL, minutes_until_the_end, of_plan
from codat_notebook.planning.plan import kind_of
from codat_notebook.words import and_more, between, count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codat_notebook.client.quota import Quota
    from codat_notebook.planning.plan import PlanRow

#: Rows that are shown of what would be queued, and of what is skipped.
FIRST: Final = 10
_TOLD: Final = ["company", "data_type", "platform", "age", "reason"]


class PlanFrame(Frame):
    """A plan. ``attrs["requests_left"]`` is how many requests were left of the day's quota, where that was known."""

    @property
    def _constructor(self) -> type:
        return PlanFrame

    @property
    def _is_whole(self) -> bool:
        return {*_TOLD, "action", "company_id", "connection_id"} <= {*self.columns}

    def sentences(self) -> tuple[list[str], str]:
        """What it comes to, and what is skipped ("" for nothing)."""
        queued, skipped = (self[self["action"] == action] for action in ("queue", "skip"))
        companies = queued["company_id"].nunique()
        head = f"Would refresh {count(len(queued), 'data type')} of {count(companies, 'company')}"
        lines = [f"{head}: {_by_kind(queued)}." if len(queued) else "Would refresh nothing."]
        if len(queued):
            own = queued.groupby("company_id", observed=True)["seconds"].agg(["size", "sum"])
            requests = round(len(queued) + looks(companies, own["size"], own["sum"]).sum())
            left = self.attrs.get("requests_left")
            part = f"{requests / left:.1%}" if left and requests / left >= 0.001 else "under 0.1%"
            share = f" of {count(left, 'request')} left today ({part})" if left else " requests"
            load = of_plan(queued)
            low, high = (60 * each for each in minutes_until_the_end(load.cells, load.lifetimes, requests))
            lines.append(f"Takes about {requests:,}{share}; the last has usually ended after {between(low, high)}.")
        why = f"{count(len(skipped), 'data type')} skipped: {_by_kind(skipped)}" if len(skipped) else ""
        return lines, why

    def _parts(self) -> tuple[list[str], Frame, str, Frame]:
        """The sentences, of what is queued and of what is skipped, each with its first rows."""
        lines, why = self.sentences()
        return lines, _told(self[self["action"] == "queue"]), why, _told(self[self["action"] == "skip"])

    def __repr__(self) -> str:
        if not self._is_whole:
            return super().__repr__()
        lines, first, why, _ = self._parts()
        more = and_more((self["action"] == "queue").sum() - len(first))
        table = first.to_string(index=False) if len(first) else None
        return "\n".join(filter(None, [*lines, table, *more, why]))

    def _repr_html_(self) -> str | None:
        if not self._is_whole or not pd.get_option("display.notebook_repr_html"):
            return super()._repr_html_()
        lines, first, why, skipped = self._parts()
        more = and_more((self["action"] == "queue").sum() - len(first))
        rest = and_more((self["action"] == "skip").sum() - len(skipped))
        folded = h("details", h("summary", why), html_table(skipped), [h("p", line) for line in rest]) if why else None
        return str(h(
            "div", h("p", h("b", lines[0])), [h("p", line) for line in lines[1:]],
            html_table(first) if len(first) else None, [h("p", line) for line in more], folded,
        ))  # fmt: skip


def _told(rows: pd.DataFrame) -> Frame:
    """The first rows, with data types by their names."""
    first = rows.head(FIRST)
    names = [plain_name(str(each)) if pd.notna(each) else "all" for each in first["data_type"]]
    why = first["reason"].astype("string")
    why = why.str.partition(";")[0] if "priority" in rows else why  # a strategy's numbers are for engineers
    told = first[_TOLD].assign(data_type=names, reason=why).rename(columns={"data_type": "data type"})
    return Frame(told.reset_index(drop=True))


def _by_kind(rows: pd.DataFrame) -> str:
    counted = Counter(kind_of(str(reason)) for reason in rows["reason"])
    return " · ".join(f"{number:,} {kind}" for kind, number in counted.most_common())


def plan_frame(plan: Iterable[PlanRow] | pd.DataFrame, quota: Quota | None = None) -> PlanFrame:
    """The frame of ``session.plan``, from its rows or as a strategy made it."""
    frame = PlanFrame(plan if isinstance(plan, pd.DataFrame) else frames.of_rows(frames.PLAN, plan))
    if quota is not None and quota.remaining is not None:
        frame.attrs["requests_left"] = quota.remaining
    return frame


class EstimateFrame(Frame):
    """An estimate. Shown are those columns by which rhythms are compared, money where there are prices."""

    @property
    def _constructor(self) -> type:
        return EstimateFrame

    def _read(self) -> tuple[Frame, list[str]] | None:
        """The table, and what is to be said below it; ``None`` for a part of an estimate."""
        if not {*frames.ESTIMATE} <= {*self.columns}:
            return None
        minutes = zip(self["minutes_from"], self["minutes_to"], strict=True)
        table = {
            "rhythm": self["rhythm"], "platform": self["platform"], "companies": self["companies"],
            "refreshes": self["refreshes"].astype("Float64"), "requests": self["requests"].round(),
            "of the day's quota": [None if pd.isna(share) else f"{share:.1%}" for share in self["quota"]],
            "until the last has ended": [None if pd.isna(a) else between(60 * a, 60 * b) for a, b in minutes],
            "refreshes a month": self["refreshes_month"].round(),
            "requests a month": self["requests_month"].round(), "money a month": self["money_month"].round(2),
            "currency": self["currency"],
        }  # fmt: skip
        idle = (self["requests"] == 0) & (self["platform"] != ALL)  # Codat's own schedule, platform by platform
        return Frame(Frame(table)[~idle].dropna(axis="columns", how="all").reset_index(drop=True)), list(
            dict.fromkeys(self["note"].dropna())
        )

    def __repr__(self) -> str:
        if (read := self._read()) is None:
            return super().__repr__()
        return "\n".join([str(read[0].to_string(index=False)), *read[1]])

    def _repr_html_(self) -> str | None:
        if (read := self._read()) is None or not pd.get_option("display.notebook_repr_html"):
            return super()._repr_html_()
        return str(h("div", html_table(read[0]), [h("p", note) for note in read[1]]))
