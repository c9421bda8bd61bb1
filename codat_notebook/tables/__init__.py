"""What a table shows and what a reader takes away of it, worked out of a frame; nothing here knows a widget.

``column`` says how a column is shown, sorted, searched and filtered, ``sheet`` which rows a view has and what one page
of them sends to the browser, ``exports`` what becomes of them in files.
"""
