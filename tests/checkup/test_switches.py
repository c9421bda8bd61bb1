"""Each switch of the sandbox, turned once: what reading can see is found, and nothing else is taken for it."""

from dataclasses import fields
from typing import Any

import pytest

from codat_notebook.checkup.judging import JUDGED
from codat_notebook.models.assumptions import ASSUMPTIONS, BY_NAME
from codat_notebook.sandbox.faults import SandboxSettings

from .looking import Line, check_up, sandbox

#: Switches that are turned -> what is contradicted by that.
SEEN: list[tuple[dict[str, Any], set[str]]] = [
    ({"hidden_headers": {"X-Rate-Limit-Reset"}}, {"rate-headers"}),
    ({"time_format": "seconds"}, {"reset-form"}),
    ({"time_format": "epoch"}, {"reset-form"}),
    ({"time_format": "http"}, {"reset-form"}),
    ({"quota": 5_000}, {"quota-connected"}),
    ({"per_minute": 20}, {"minute-limit"}),
    ({"per_minute": 20, "retry_after_format": "iso"}, {"minute-limit", "retry-after-form"}),
    ({"gzip": False}, {"gzip"}),
    ({"clock_skew": -40 * 86_400.0}, {"one-clock"}),
    ({"payment_required": True}, {"plan-runs"}),
    ({"left_out": {"correlationId"}}, {"error-body"}),
    ({"overwritten": {"canBeRetried": False}}, {"can-be-retried-text"}),
    ({"overwritten": {"statusCode": 429}}, {"body-status"}),
    ({"unknown_status": 400}, {"unknown-company"}),
    ({"malformed_id_status": 400}, {"malformed-id"}),
    ({"passes_over_queries": True}, {"unresolved-property", "malformed-query"}),
    ({"usual_page_size": 50}, {"usual-page"}),
    ({"max_page_size": 2_000}, {"largest-page"}),
    ({"max_page_size": 9_000}, {"page-too-large"}),
    ({"past_the_end": "404"}, {"past-the-end"}),
    ({"absolute_links": True}, {"relative-links"}),
    ({"links_by_cursor": True}, {"links-count"}),
    ({"overwritten": {"pageNumber": 0, "pageSize": 0}}, {"page-numbers"}),
    ({"overwritten": {"totalResults": 0}}, {"total-results"}),
    ({"unqueryable": {"name"}}, {"companies-by-name", "companies-in-order"}),
    ({"unqueryable": {"requested"}}, {"history-by-time"}),
    ({"unqueryable": {"status"}}, {"history-by-status", "connections-by-status"}),
    ({"ignores_order": True}, {"newest-first"}),
    ({"case_matters": True}, {"case-in-queries"}),
    ({"left_to_right": True}, {"and-binds-tighter"}),
    ({"capital_ids": True}, {"ids-small"}),
    ({"id_case_matters": True}, {"ids-any-case"}),
    ({"time_form": "no zone"}, {"times-utc", "times-digits"}),
    ({"time_form": "offset"}, {"times-utc", "times-digits"}),
    ({"time_form": "seconds"}, {"times-digits"}),
    ({"rename_statuses": {"FetchError": "Routing"}}, {"statuses"}),
    ({"new_data_types": {"payslips": {"gbol", "mqjo", "qhyg"}}}, {"data-types"}),
    ({"capital_data_types": True}, {"data-type-case"}),
    ({"rename_connection_statuses": {"Deauthorized": "Revoked"}}, {"connection-words"}),
    ({"left_out": {"completed"}}, {"completed-told"}),
    ({"left_out": {"isCompleted"}}, {"is-completed"}),
    ({"left_out": {"redirect"}}, {"redirect"}),
    ({"left_out": {"linkUrl"}}, {"link-url"}),
    ({"left_out": {"dataConnections"}}, {"connections-embedded"}),
    ({"left_out": {"warnings"}}, {"validation-shape"}),
    ({"left_out": {"fetchOnFirstLink"}}, {"settings-shape"}),
    ({"left_out": {"datatype"}}, {"feature-name"}),
    ({"left_out": {"lastSync"}}, {"last-sync"}),
    ({"not_supported_is_error": True}, {"not-supported-is-no-error"}),
    ({"never_synced": "bare"}, {"never-synced"}),
    ({"never_synced": "null"}, {"never-synced"}),
    ({"status_of": "oldest"}, {"status-of-newest"}),
    ({"other_company_settings": True}, {"settings-of-all"}),
    ({"sync_schedule": 24}, {"no-schedule"}),
]
#: Switches that reading cannot see.
UNSEEN: dict[str, Any] = {
    "in_progress_status": 409, "queue_everywhere": False, "all_in_progress": "refuse", "unsupported": "operation",
    "history_lag": 30.0, "honours_keys": False, "concurrent": 1, "latency": 1.0, "maintenance": {"gbol"},
    "offline": {"00000000-0000-0000-0000-000000000000"}, "custom_products": {},
    "custom_data_types": {"my-type": {"gbol"}},
    "legal_hold": {"gbol"}, "profile_settings": {"bills": {"syncOrder": 3}},
    "company_settings": {"00000000-0000-0000-0000-000000000000": {}},
}  # fmt: skip


def test_no_false_alarm() -> None:
    """The sandbox as it is contradicts nothing, and shows what reading can show."""
    result = check_up(Line(sandbox()))
    assert result.named("contradicted") == []
    seldom = {"minute-limit", "retry-after-form"}
    assert set(result.named("confirmed")) == set(JUDGED) - seldom
    assert result.strange.keys() <= {"fields"}


@pytest.mark.parametrize(("switches", "contradicted"), SEEN, ids=[" ".join(each[0]) for each in SEEN])
def test_what_reading_sees_is_found(switches: dict[str, Any], contradicted: set[str]) -> None:
    """The right entries and no others, each named with its switch in the report."""
    result = check_up(Line(sandbox(**switches)))
    assert set(result.named("contradicted")) == contradicted
    for name in contradicted:
        assert f"## Contradicted: {name}" in result.report
        assert BY_NAME[name].switch in switches
        assert f"sandbox.faults.{BY_NAME[name].switch}`" in result.report


@pytest.mark.parametrize("switch", UNSEEN)
def test_what_reading_cannot_see_is_not_seen(switch: str) -> None:
    """Neither confirmed nor contradicted, nor taken for something else."""
    result = check_up(Line(sandbox(**{switch: UNSEEN[switch]})))
    assert result.named("contradicted") == []
    entries = [each for each in ASSUMPTIONS if each.switch == switch]
    assert {result.verdict(each.name) for each in entries} == {"not seen"}


def test_every_switch_is_turned() -> None:
    """At least thirty, none left out; an entry says that reading sees it exactly if a judge does."""
    turned = {name for switches, _ in SEEN for name in switches} | UNSEEN.keys()
    assert turned == {field.name for field in fields(SandboxSettings)}
    assert len(turned) >= 30
    assert {each.name for each in ASSUMPTIONS if each.seen_by} == set(JUDGED)
    turnable = {each.name for each in ASSUMPTIONS if each.seen_by and each.switch}
    assert turnable == {name for _, names in SEEN for name in names}
