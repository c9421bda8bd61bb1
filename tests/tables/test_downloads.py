"""A frame on its way to the browser: what the pieces hold, their size and order, and what answers a choice."""

import asyncio
import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.runs.engine import engine
from codat_notebook.tables import exports
from codat_notebook.tables.exports import CHOICES, PIECE, ExportError, as_bytes, deliver, pieces
from codat_notebook.tables.sheet import Layout, Sheet, TableView
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import operations


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("rows", [0, 3, 12_000])
def test_the_pieces_of_a_choice_make_its_files(choice, rows):
    """Each form whole and in order; no piece above its size; the last one says so; progress only grows."""
    frame = operations(rows)
    made = list(pieces(frame, choice, "operations"))
    assert all(len(content) <= PIECE for _, content in made)
    assert list(dict.fromkeys(message["form"] for message, _ in made)) == list(CHOICES[choice])
    for form in CHOICES[choice]:
        ours = [(message, content) for message, content in made if message["form"] == form]
        assert [message["last"] for message, _ in ours] == [False] * (len(ours) - 1) + [True]
        told = [message["rows"] for message, _ in ours]
        assert told == sorted(told)
        assert (told[-1], ours[-1][0]["of"], ours[-1][0]["left"]) == (rows, rows, 0)
        assert {*range(exports.STEP, rows, exports.STEP)} <= set(told)
        whole = b"".join(content for _, content in ours)
        if form == "xlsx":
            assert whole.startswith(b"PK")
        else:
            assert gzip.decompress(whole) == as_bytes(frame, form)
        assert ours[0][0]["name"] == "operations"


def test_the_pace_stays_below_what_a_server_lets_through():
    """A Jupyter server's limit is a million bytes a second over three seconds, as a whole."""
    window = int(3 / exports.PAUSE) + 1
    assert window * (PIECE + 2_000) < 3_000_000


async def at_once(function, *arguments):
    """A worker that works in place."""
    return function(*arguments)


@given(st.integers(0, 6))
def test_each_piece_answers_the_click(count):
    """All of them carry the number of the question, in order."""
    sent = []
    made = (({"n": n}, bytes([n])) for n in range(count))
    asyncio.run(deliver(lambda message, buffers: sent.append((message, buffers)), made, 7, at_once, pause=0))
    assert sent == [({"type": "file", "n": n, "seq": 7}, [bytes([n])]) for n in range(count)]


def test_a_delivery_that_is_given_up_makes_and_sends_no_more():
    """Nothing is worked out after it; the browser is told, in case somebody else has stopped it."""
    sent, worked = [], []

    def made():
        for n in range(1000):
            worked.append(n)
            yield {"n": n}, b""

    async def stopped():
        def send(message, buffers):
            sent.append(message)
            if message.get("n") == 3:
                task.cancel()

        task = asyncio.ensure_future(deliver(send, made(), 7, at_once))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    assert worked[-1] <= 4
    assert sent[-1] == {"type": "file", "seq": 7, "error": "Stopped."}


def test_a_long_step_is_told_to_be_under_way():
    """So that the browser can tell a kernel that works from one that is gone."""
    sent = []

    async def told():
        done = asyncio.Event()

        async def in_worker(function, *arguments):
            await done.wait()
            return function(*arguments)

        def send(message, buffers):
            sent.append(message)
            if len(sent) == 3:
                done.set()

        await deliver(send, (({"n": n}, b"") for n in (1,)), 7, in_worker, alive=0.001)

    asyncio.run(told())
    assert sent == [{"type": "file", "seq": 7}] * 3 + [{"type": "file", "seq": 7, "n": 1}]


@pytest.mark.parametrize(
    ("error", "words"), [(ExportError("Too long."), "Too long."), (ZeroDivisionError("x"), "ZeroDivisionError: x")]
)
def test_what_cannot_be_made_is_told(error, words):
    """A fault of our own or of the frame's is raised, too, for the log; one that the reader can mend is only told."""
    sent = []

    def made():
        raise error
        yield

    async def failing():
        await deliver(lambda message, buffers: sent.append(message), made(), 7, at_once)

    if isinstance(error, ExportError):
        asyncio.run(failing())
    else:
        with pytest.raises(ZeroDivisionError):
            asyncio.run(failing())
    assert sent == [{"type": "file", "seq": 7, "error": words}]


def test_row_numbers_stay_at_home_and_an_index_of_names_comes_along():
    """What is filtered has gaps in its numbers, which say nothing; an index that says something is a column."""
    for index, expected in ((None, "size\r\n2\r\n1\r\n"), (["x", "y"], "index,size\r\ny,2\r\nx,1\r\n")):
        sheet = Sheet(pd.DataFrame({"size": [1, 2]}, index=index), Layout())
        made = pieces(sheet.taken_away(TableView(sort=("size", "desc"))), "csv", "sizes")
        assert gzip.decompress(b"".join(content for _, content in made)).decode("utf-8-sig") == expected


def exported(part, *messages):
    """What a table sends for messages of the browser: the last message, and the text of its file."""
    sent = []
    part.send = lambda message, buffers: sent.append((message, buffers))

    async def ask():
        for message in messages:
            part._receive(message)
        await part._exporting

    engine().call(ask())
    part.close()
    return sent[-1][0], gzip.decompress(b"".join(piece for _, buffers in sent for piece in buffers)).decode("utf-8-sig")


def test_a_table_sends_what_is_visible_under_its_name():
    """Filtered and sorted as on screen, from a title if it has one."""
    part = FrameTable(pd.DataFrame({"id": ["a", "b", "ab"]}), title="Pull operations: all", sort=("id", "desc"))
    message, text = exported(
        part, {"type": "filter", "text": "a", "seq": 1}, {"type": "export", "choice": "csv", "seq": 2},
        {"type": "export", "choice": "nothing of ours", "seq": 3},
    )  # fmt: skip
    assert (message["seq"], message["name"], message["last"]) == (2, "Pull operations all", True)
    assert text == "id\r\nab\r\na\r\n"


def test_a_companys_name_is_in_the_files_name_and_in_a_column():
    """Also where it is hostile; a frame that has such a column keeps its own."""
    for frame, first in (({"id": ["a"]}, "company,id\r\n'=Toft/..,a\r\n"), ({"company": ["x"]}, "company\r\nx\r\n")):
        part = FrameTable(pd.DataFrame(frame), noun="company")
        part.company = "=Toft/.."
        message, text = exported(part, {"type": "export", "choice": "csv", "seq": 1})
        assert (message["name"], text) == ("=Toft - companies", first)


def test_an_export_that_is_stopped_frees_the_kernel():
    """The task ends before the next step, and nothing more is sent."""
    part = FrameTable(operations(10 * exports.STEP), noun="operation")
    sent = []

    async def ask():
        stopped = asyncio.Event()

        def send(message, buffers):
            sent.append(message)
            if message.get("rows") == exports.STEP:
                part._receive({"type": "stop_export", "seq": 1})
                stopped.set()

        part.send = send
        part._receive({"type": "export", "choice": "xlsx", "seq": 1})
        await stopped.wait()
        await asyncio.wait([part._exporting])
        return part._exporting.cancelled()

    assert engine().call(ask())
    assert sent[-1] == {"type": "file", "seq": 1, "error": "Stopped."}
    assert max(message.get("rows", 0) for message in sent) == exports.STEP
    part.close()
