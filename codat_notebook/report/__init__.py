"""A company's state as one static file: for an e-mail, a file share, a printer.

``page`` puts a company's facts, cells and errors together as HTML that needs neither Jupyter, nor a network, nor a
script, and writes it; ``sections`` draws its parts. Nothing here asks Codat: ``Session.report`` does.
"""

from codat_notebook.report.page import Findings, destination, page, save

__all__ = ["Findings", "destination", "page", "save"]
