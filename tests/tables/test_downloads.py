"""A frame on its way to the browser: what the pieces hold, their size and order, and what answers a choice."""

import asyncio
import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.runs.engine import engine
from codat_notebook.tables import exports
from codat_notebook.tables.exports import CHOICES, PIECE, as_bytes, deliver, pieces
from codat_notebook.tables.sheet import Layout, Sheet, TableView
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import operations


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("rows", [0, 3, 12_000])
def test_the_pieces_of_a_choice_make_its_files(choice, rows):
    """Each form whole and in order; no piece above its size; the last one says so."""
    frame = operations(rows)
    made = pieces(frame, choice, "operations")
    assert [message["done"] for message, _ in made] == [False] * (len(made) - 1) + [True]
    assert all(0 < len(content) <= PIECE for _, content in made)
    for form in CHOICES[choice]:
        ours = [(message, content) for message, content in made if message["form"] == form]
        assert [message["last"] for message, _ in ours] == [False] * (len(ours) - 1) + [True]
        whole = b"".join(content for _, content in ours)
        if form == "xlsx":
            assert whole.startswith(b"PK")
        else:
            assert gzip.decompress(whole) == as_bytes(frame, form)
        assert ours[0][0]["name"] == f"operations.{form}"


def test_the_pace_stays_below_what_a_server_lets_through():
    """A Jupyter server's limit is a million bytes a second over three seconds, as a whole."""
    window = int(3 / exports.PAUSE) + 1
    assert window * (PIECE + 2_000) < 3_000_000


@given(st.integers(1, 6))
def test_each_piece_answers_the_click(count):
    """All of them carry the number of the question, in order."""
    sent = []
    made = [({"type": "file", "n": n}, bytes([n])) for n in range(count)]
    asyncio.run(deliver(lambda message, buffers: sent.append((message, buffers)), made, 7, pause=0))
    assert sent == [({"type": "file", "n": n, "seq": 7}, [bytes([n])]) for n in range(count)]


def test_row_numbers_stay_at_home_and_an_index_of_names_comes_along():
    """What is filtered has gaps in its numbers, which say nothing; an index that says something is a column."""
    for index, expected in ((None, "size\r\n2\r\n1\r\n"), (["x", "y"], "index,size\r\ny,2\r\nx,1\r\n")):
        sheet = Sheet(pd.DataFrame({"size": [1, 2]}, index=index), Layout())
        [(_, content)] = pieces(sheet.taken_away(TableView(sort=("size", "desc"))), "csv", "sizes")
        assert gzip.decompress(content).decode("utf-8-sig") == expected


def test_a_table_sends_what_is_visible_under_its_name():
    """Filtered and sorted as on screen, from a title if it has one."""
    part = FrameTable(pd.DataFrame({"id": ["a", "b", "ab"]}), title="Pull operations, all", sort=("id", "desc"))
    sent = []
    part.send = lambda message, buffers: sent.append((message, buffers))

    async def ask():
        part._receive({"type": "filter", "text": "a", "seq": 1})
        part._receive({"type": "export", "choice": "csv", "seq": 2})
        part._receive({"type": "export", "choice": "nothing of ours", "seq": 3})
        await part._exporting

    engine().call(ask())
    [(message, [content])] = sent
    assert (message["seq"], message["name"]) == (2, "pull-operations-all.csv")
    assert gzip.decompress(content).decode("utf-8-sig") == "id\r\nab\r\na\r\n"
    part.close()
