"""The parts of one console under their names, for those who act on them and draw them."""

from dataclasses import dataclass

from codat_notebook.widgets.code import Code
from codat_notebook.widgets.connect import Connect
from codat_notebook.widgets.data_types import DataTypePicker
from codat_notebook.widgets.details import Details
from codat_notebook.widgets.header import Header
from codat_notebook.widgets.heatmap import Heatmap
from codat_notebook.widgets.notice import Notice
from codat_notebook.widgets.pickers import CompanyPicker, ConnectionCards, ConnectionPicker
from codat_notebook.widgets.progress import Progress
from codat_notebook.widgets.refresh_bar import RefreshBar
from codat_notebook.widgets.table import FrameTable
from codat_notebook.widgets.tabs import Tabs
from codat_notebook.widgets.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one console."""

    header: Header
    connect: Connect
    notice: Notice
    company: CompanyPicker
    connection: ConnectionPicker
    cards: ConnectionCards
    data_types: DataTypePicker
    bar: RefreshBar
    progress: Progress
    tabs: Tabs
    operations: FrameTable
    operation_details: Details
    errors: FrameTable
    error_details: Details
    freshness: Heatmap
    timeline: Timeline
    requests: FrameTable
    request_details: Details
    code: Code
