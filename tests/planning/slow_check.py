"""Whether a company is ready for lending, looked up rule by rule in what the API says: slow, plain, and on its own.

It shares nothing with the package: it reads the JSON of a company, of its whole history, of its settings and of the
platforms.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
Told = tuple[str, str | None, str | None]

NEEDED = {
    "Accounting": ["company", "chartOfAccounts", "balanceSheet", "profitAndLoss", "bankAccounts", "bankTransactions"],
    "Banking": ["banking-accounts", "banking-transactions", "banking-transactionCategories", "banking-accountBalances"],
    "Commerce": ["commerce-companyInfo", "commerce-customers", "commerce-orders"],
}
ENDS_BADLY = {"AuthError", "FetchError", "RateLimitError", "PermissionsError", "PrerequisiteNotMet", "Cancelled",
              "MapError", "ValidationError", "ProcessingError", "InternalError"}  # fmt: skip
ON_ITS_WAY = {"Initial", "Queued", "Fetching", "MapQueued", "Mapping", "ValidationQueued", "Validating",
              "ProcessingQueued", "Processing"}  # fmt: skip


def when(text: str) -> datetime:
    """A time as the sandbox writes it."""
    return datetime.strptime(text[:26], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)


def slow_check(
    company: Json, history: list[Json], settings: Json, platforms: list[Json], now: datetime, period_end: datetime,
    months: int, kinds: list[str], max_age: timedelta,
) -> set[Told]:  # fmt: skip
    """(code, data type, connection id) of everything that stands in the way. ``period_end``: midnight after it."""
    told: set[Told] = set()
    fine: dict[str, list[tuple[datetime, str]]] = {}
    offers = {each["key"]: {t["datatype"] for t in each["datatypeFeatures"]} for each in platforms}
    rule = {each["dataType"]: each for each in settings["settings"]}
    for kind in kinds:
        of_kind = [c for c in company["dataConnections"] if c["sourceType"] == kind]
        linked = [c for c in of_kind if c["status"] == "Linked"]
        if not of_kind:
            told |= {("missing_connection", name, None) for name in NEEDED[kind]}
            continue
        if linked and kind != "Accounting":
            counting = linked + [c for c in of_kind if c["status"] == "Deauthorized"]
        elif linked:
            counting = linked
        else:
            counting = [c for c in of_kind if c["status"] != "PendingAuth"] or of_kind
        for name in NEEDED[kind]:
            impossible = {}
            for each in counting:
                ops = operations(history, each, name)
                xero = each["integrationKey"] == "gbol" and each["status"] == "Linked"
                if xero and name == "bankTransactions" and ops and ops[-1]["status"] == "FetchError":
                    impossible[each["id"]] = "expected_failure"
                if name not in offers[each["integrationKey"]] or (ops and ops[-1]["status"] == "NotSupported"):
                    impossible[each["id"]] = "not_supported"
            without = name == "banking-transactionCategories" or (name == "bankTransactions" and "Banking" in kinds)
            if len(impossible) == len(counting) and not without:
                told |= {(code, name, id) for id, code in impossible.items()}
            for each in counting:
                if each["id"] in impossible:
                    continue
                code, read = of_cell(each, operations(history, each, name), rule.get(name), now, period_end, months,
                                     max_age)  # fmt: skip
                if code:
                    told.add((code, name, each["id"]))
                elif read is not None:
                    fine.setdefault(each["id"], []).append((read, name))
    for id, reads in fine.items():
        newest = max(read for read, _ in reads)
        told |= {("skew", name, id) for read, name in reads if newest - read >= timedelta(days=1)}
    if period_end > now:
        told.add(("period_not_ended", None, None))
    return told


def operations(history: list[Json], connection: Json, name: str) -> list[Json]:
    """Those of one data type of one connection, the newest last."""
    mine = [op for op in history if op["connectionId"] == connection["id"] and op["dataType"] == name]
    return sorted(mine, key=lambda op: op["requested"])


def of_cell(
    connection: Json, ops: list[Json], rule: Json | None, now: datetime, period_end: datetime, months: int,
    max_age: timedelta,
) -> tuple[str, datetime | None]:  # fmt: skip
    """The first rule that is broken, or when it was read."""
    if connection["status"] != "Linked":
        return "not_linked", None
    last = ops[-1]["status"] if ops else None
    if last in ON_ITS_WAY:
        return "running", None
    if last == "ValidationError":
        return "validation_error", None
    if last in ENDS_BADLY:
        return "failed", None
    if last not in (None, "Complete"):
        return "unknown", None
    good = [op for op in ops if op["status"] == "Complete"]
    if not good:
        fetched = rule is not None and (rule["fetchOnFirstLink"] or rule["syncSchedule"] > 0)
        return ("never_read" if fetched else "not_fetched"), None
    read = max(when(op["completed"]) for op in good)
    if period_end <= now and read < period_end:
        return "read_before_period_end", None
    if now - read > max_age:
        return "stale", None
    if rule is not None and too_short(rule, read, period_end, months):
        return "window_too_short", None
    return "", read


def too_short(rule: Json, read: datetime, period_end: datetime, months: int) -> bool:
    """Whether the window does not reach back to the period's first day, month by month."""
    passed = 0
    while later(period_end, passed + 1) <= read:
        passed += 1
    back = rule.get("monthsToSync") if "monthsToSync" in rule else rule.get("syncFromWindow")
    return back is not None and back - passed < months


def later(at: datetime, months: int) -> datetime:
    """So many months later; the tests' periods end on the first of a month."""
    year, month = divmod(at.month - 1 + months, 12)
    return at.replace(year=at.year + year, month=month + 1)
