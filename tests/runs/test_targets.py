"""What a refresh is asked for, in all its forms."""

import pandas as pd
import pytest

from codat_notebook.runs.targets import Skipped, Targets, everything, read_targets


def test_one_company_names_its_types() -> None:
    """Each type once, on the connection if one is given."""
    assert read_targets("c1", ("bills", "bills", "items"), "k").companies == {"c1": (("bills", "k"), ("items", "k"))}


def test_a_mapping_names_companies_and_types() -> None:
    """One type may be given without a list."""
    targets = read_targets({"c1": ["bills", "items"], "c2": "bills"})
    assert targets.companies == {"c1": (("bills", None), ("items", None)), "c2": (("bills", None),)}


def test_a_plan_is_queued_as_far_as_it_says_so() -> None:
    """Rows of another action are left out and remembered with their reason; missing values are nothing."""
    plan = pd.DataFrame(
        {
            "company_id": ["c1", "c1", "c2"],
            "data_type": pd.Series(["bills", "items", "bills"], dtype="category"),
            "connection_id": pd.Series(["k1", pd.NA, None], dtype="string"),
            "action": ["queue", "queue", "skip"],
            "reason": [None, None, "fresh"],
        }
    )
    targets = read_targets(plan)
    assert targets == Targets({"c1": (("bills", "k1"), ("items", None))}, (Skipped("c2", "bills", None, "fresh"),))


def test_a_plan_with_nothing_to_queue_is_a_run_of_nothing() -> None:
    """All is fresh: that is an answer, no mistake."""
    plan = pd.DataFrame({"company_id": ["c1"], "data_type": ["bills"], "action": ["skip"]})
    assert read_targets(plan).companies == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("c1",), "at least one data type"),
        (({"c1": []},), "No data type is named for the company c1"),
        (({},), "names no company"),
        (({"c1": ["bills"]}, ("items",)), "no others with it"),
        ((pd.DataFrame({"company_id": ["c1"]}),), "lacks the column 'data_type'"),
        ((pd.DataFrame({"company_id": [None], "data_type": ["bills"]}),), "lacks its company_id"),
        ((7,), "not int"),
        (("c1", (["bills", "items"],)), "one by one"),
        (({"c1": None},), "No data type is named for the company c1; for all of it"),
        ((pd.DataFrame(),), "it has none"),
        ((pd.DataFrame([["c1", "c1", "bills"]], columns=["company_id", "company_id", "data_type"]),), "more than once"),
        ((None, ("bills",)), "not NoneType"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: tuple[object, ...], message: str) -> None:
    """The message names what is missing."""
    with pytest.raises(ValueError, match=message):
        read_targets(*given)  # type: ignore[arg-type]


def test_everything_of_some_companies() -> None:
    """One id or several; none is a mistake."""
    assert everything("c1").companies == {"c1": None}
    assert everything(["c1", "c2"]).companies == {"c1": None, "c2": None}
    with pytest.raises(ValueError, match="at least one company"):
        everything([])
    with pytest.raises(ValueError, match="Name companies by their ids"):
        everything(pd.DataFrame({"id": ["c1"], "name": ["Toft"]}))
    with pytest.raises(ValueError, match="not NoneType"):
        everything(None)  # type: ignore[arg-type]


def test_a_company_is_one_in_whatever_case_its_id_is_written() -> None:
    """Else one run would queue its types twice."""
    once = {"Ab": (("bills", None), ("items", None))}
    assert read_targets({"Ab": ["bills"], "aB": ["bills", "items"]}).companies == once
    frame = pd.DataFrame({"company_id": ["Ab", "AB", "ab"], "data_type": ["bills", "items", "bills"]})
    assert read_targets(frame).companies == once
    assert everything(["Ab", "ab"]).companies == {"Ab": None}
