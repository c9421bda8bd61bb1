"""The rules themselves: each can be met, none ties with another, each says where it comes from."""

import re
from fnmatch import fnmatchcase
from itertools import combinations

import pytest

from codat_notebook.diagnosis import diagnose
from codat_notebook.diagnosis.rules import RULES, SHAPES, DiagnosisRule, Span
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import STATUSES

from .test_cases import NOW, ago, operation

#: Text -> the rules that it is an example of.
TEXTS = {
    "De-authorized access": "access withdrawn",
    "The integration de-authorized access to the connection.": "access withdrawn",
    "invalid_grant": "token refused",
    "429 TooManyRequests": "limit told exact minute",
    "missing scope": "rights told bigcommerce scopes",
    "Datatype items not supported by platform(s)": "not supported by platform",
    "reached the daily rate limit cap ( retry-after 66975)": "daily limit told",
    "Your subscription has ended": "subscription",
    "Could not start QuickBooks": "quickbooks does not start",
    "already logged in from another machine": "quickbooks in use",
    "not allowed to log into": "quickbooks rights",
    "Too many access tokens": "netsuite setup",
    "the query timed out": "netsuite volume",
    "Top level access only": "intacct setup",
    "Connectivity not supported": "plaid not enabled",
    "Action required with your account": "plaid rights",
    "Waiting for asynchronous response from third party": "no answer from the machine",
    "Paused until 2026-11-20T18:00:00Z": "paused",
    "Sage sandbox company": "sage 200 sandbox",
}  # fmt: skip
OK = {"dataType": "suppliers", "status": "Complete", "requestedHoursAgo": 200}
#: Shape -> operations around one of the type, failed at hour 100 before now.
AROUND = {
    "mended": [{"status": "Complete", "requestedHoursAgo": 50}],
    "tried again": [{"status": "Fetching", "requestedHoursAgo": 50}],
    "linked again": [
        {"dataType": "suppliers", "requestedHoursAgo": 100},
        {"dataType": "items", "status": "Complete", "requestedHoursAgo": 50},
    ],
    "together": [{"dataType": name, "requestedHoursAgo": 100} for name in ("suppliers", "items")],
    "no success": [OK, {"requestedHoursAgo": 150}],
    "first": [OK],
    "by turns": [
        {"status": status, "requestedHoursAgo": 100 + hours}
        for status, hours in (("Complete", 10), ("FetchError", 20), ("Complete", 30), ("FetchError", 40))
    ],
    "again": [{"status": "Complete", "requestedHoursAgo": 300}]
    + [{"requestedHoursAgo": 100 + hours} for hours in (30, 60)],
}


def test_what_never_worked_is_not_said_to_have_worked() -> None:
    """Where no success is known, of the type or of the connection, the cause claims none."""
    failed = [operation({"dataType": "bills", "status": "FetchError", "requestedHoursAgo": n}) for n in (100, 130, 160)]
    advice = diagnose(failed[0], None, failed, now=NOW)
    assert advice.rule == "fails again"
    assert not re.search("used to|no longer|any more|changed", advice.cause)


def apart(a: DiagnosisRule, b: DiagnosisRule) -> bool:
    """Whether no case can meet both rules."""
    for one, other in ((a.statuses, b.statuses), (a.connection, b.connection)):
        if one and other and not set(one) & set(other):
            return True
    for one, other in ((a.data_types, b.data_types), (a.platforms, b.platforms)):
        alike = [(x, y) for x in one for y in other if fnmatchcase(x, y) or fnmatchcase(y, x) or x in y or y in x]
        if one and other and not alike:
            return True
    spans: list[tuple[Span | None, Span | None]] = [(a.age, b.age), (a.linked, b.linked)]
    if any(x and y and (x[1] <= y[0] or y[1] <= x[0]) for x, y in spans):
        return True
    return bool((a.shape and b.shape and a.shape != b.shape) or (a.text and b.text and a.text != b.text))


def test_no_case_meets_two_rules_of_equal_rank() -> None:
    """Their conditions exclude each other, or are different words in what Codat says."""
    assert [(a.name, b.name) for a, b in combinations(RULES, 2) if a.rank == b.rank and not apart(a, b)] == []


def test_no_text_is_an_example_of_two_rules_of_equal_rank() -> None:
    """The words that rules look for do not stand in each other's examples."""
    rules = [rule for rule in RULES if rule.text]
    for text, names in TEXTS.items():
        met = [rule for rule in rules if re.search(rule.text, text, re.IGNORECASE)]
        assert [(a.name, b.name) for a, b in combinations(met, 2) if a.rank == b.rank and not apart(a, b)] == []
        assert {rule.name for rule in met} >= set(re.findall("|".join(rule.name for rule in met), names))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_can_be_met(rule: DiagnosisRule) -> None:
    """Where just its conditions hold, it is the diagnosis."""
    first = 100.0 if rule.shape else 0.1
    hours = first if rule.age is None else rule.age[0].total_seconds() / 3600 + 0.01
    status = rule.statuses[0].replace("?Error", "NewError").replace("?", "New")
    data_type = (rule.data_types[0] if rule.data_types else "customers").replace("*", "new")
    message = next((text for text, names in TEXTS.items() if rule.text and rule.name in names), None)
    case = {
        "dataType": data_type, "status": status, "requestedHoursAgo": hours, "statusDescription": message,
        "completedHoursAgo": 0 if status == "NewEnded" else None,
    }  # fmt: skip
    history = [operation({**case, "statusDescription": None, **each}) for each in AROUND.get(rule.shape, ())]
    linked = hours + (rule.linked[0].total_seconds() / 3600 + 0.01 if rule.linked else 9999)
    connection = Connection(
        id="k",
        status=rule.connection[-1] if rule.connection else "Linked",
        platform_name=rule.platforms[-1].title() if rule.platforms else "",
        created=ago(linked) or "",
    )
    assert diagnose(operation(case), connection, history, now=NOW).rule == rule.name


@pytest.mark.parametrize("status", [*STATUSES, "TeapotError", "Routing", "", "💥"])
@pytest.mark.parametrize("ended", [None, "2026-11-20T14:00:00Z"])
def test_every_status_has_an_answer(status: str, ended: str | None) -> None:
    """Also an unknown one, with nothing else known."""
    advice = diagnose(PullOperation(status=status, completed=ended))
    assert advice.cause
    assert advice.action


def test_rules_are_few_and_name_their_sources() -> None:
    """Each says which page, once; a wait stands exactly where a later refresh is advised."""
    assert len(RULES) <= 80
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"(?:docs|blog)/[\w/-]+\.md(?: @\w+\^)?|yaml/Codat-\w+\.yaml:\d+", rule.source), rule.name
        assert (rule.wait is None) == (rule.retry != "later"), rule.name
        assert not rule.relink or rule.retry == "after", rule.name
        assert rule.shape in ("", *SHAPES), rule.name


def test_an_expected_failure_is_nobodys() -> None:
    """Xero's bank transactions are not to be had: nothing to retry, nothing to mend."""
    operation = PullOperation(data_type="bankTransactions", status="FetchError")
    assert diagnose(operation, Connection(status="Linked", integration_key="gbol")).expected
    assert not diagnose(operation, Connection(status="Linked", integration_key="qhyg")).expected
