"""The code of the Code tab: what it says, that it is Python whatever the names, and that it does what was clicked."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codat_notebook as cn
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.widgets.code import code_text

ID = "c8d3af58-7011-47ce-b3f2-89faf300ef6d"
#: What a program can hold at all: no halves of surrogate pairs.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def calls(text):
    """The calls of a program by the name of their function, with the values of their arguments."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {
        node.func.attr: (
            [ast.literal_eval(value) for value in node.args],
            {pair.arg: ast.literal_eval(pair.value) for pair in node.keywords},
        )
        for node in nodes
    }


def test_a_refresh_reads_as_a_person_would_write_it():
    """Connect, refresh, follow; comments say what comes back."""
    assert code_text(True, ID, ["invoices"]).splitlines() == [
        "import codat_notebook as cn",
        "",
        "session = cn.connect(sandbox=True)",
        f'run = session.refresh("{ID}", "invoices")',
        "run                    # the live view",
        "run.wait(timeout=300)  # seconds",
        "run.operations         # DataFrame",
        "run.errors             # DataFrame",
    ]


def test_many_data_types_are_wrapped_in_lines_that_fit():
    """No line is longer than a cell is wide."""
    types = [f"type{n}" for n in range(43)]
    text = code_text(True, ID, types)
    assert max(map(len, text.splitlines())) <= 88
    assert calls(text)["refresh"][0] == [ID, *types]


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=5), st.none() | TEXTS)
def test_any_name_stays_a_string_and_every_sign_is_ascii(company_id, data_types, connection_id):
    """Nothing that a third party named becomes code, and nothing turns the direction of what is read."""
    text = code_text(False, company_id, data_types, connection_id)
    assert text.isascii()
    options = {} if connection_id is None else {"connection_id": connection_id}
    assert calls(text)["refresh"] == ([company_id, *data_types], options)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((True, None), {"connect": ([], {"sandbox": True}), "companies": ([], {})}),
        ((False, ID), {"connect": ([], {}), "status": ([ID], {}), "history": ([ID], {})}),
        (
            (True, ID, ["bills"], None, False, True),
            {"connect": ([], {"sandbox": True, "read_only": True}), "status": ([ID], {}), "history": ([ID], {})},
        ),
        (
            (False, ID, ["bills"], "x", True, False, "https://proxy.example"),
            {
                "connect": ([], {"server_url": "https://proxy.example"}),
                "refresh_all": ([ID], {}),
                "wait": ([], {"timeout": 300}),
            },
        ),
    ],
)
def test_it_does_what_the_console_would_do(arguments, expected):
    """Without a company it lists them, without types or the right to refresh it reads, all takes no connection."""
    assert calls(code_text(*arguments)) == expected


@pytest.mark.parametrize("refresh_all", [False, True])
def test_it_runs_as_it_stands(refresh_all):
    """On a sandbox: the refresh is queued and followed to its end."""
    with (
        Sandbox(speed=600) as sandbox,
        cn.Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        company_id = str(session.companies(search="Technicalium").id[0])
        text = code_text(True, company_id, ["invoices", "bills"], refresh_all=refresh_all)
        names = {"given": session}
        exec(compile(text.replace("cn.connect(sandbox=True)", "given"), "code tab", "exec"), names)
        operations = names["run"].operations
    assert names["run"].done
    assert set(operations.data_type) >= {"invoices", "bills"}
    assert (len(operations) > 2) == refresh_all


def test_a_history_that_was_loaded_whole_is_read_whole():
    """The code gives the frame that the table shows."""
    assert calls(code_text(True, ID, whole_history=True))["history"] == ([ID], {"limit": None})
    assert calls(code_text(True, ID))["history"] == ([ID], {})
