"""The head of a run over many companies: how far it is, when it should end, and what has to be done by people.

Its state is counted over the whole run and stays small, whatever the number of companies. A remedy stands once with
the number of companies that need it, not once for each failure.
"""

from collections.abc import Iterable, Mapping

from codat_notebook.runs.reports import Progress as Numbers
from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import count, iso, number, utc

#: Operations that must have ended, and a twentieth of all, before their rate says when the last one will.
FEW = 5
#: States of a run's rows -> the words and the tone of their share in the bar, in its order.
_SHARES = {
    "complete": ("complete", "ok"), "failed": ("failed", "bad"), "refused": ("not accepted", "bad"),
    "unknown": ("maybe queued", "warn"), "not queued by Codat": ("not queued by Codat", "other"),
    "running": ("running", "run"), "queueing": ("to be queued", "idle"),
}  # fmt: skip
_PHASES = {
    "queueing": ("Queueing", "run"), "following": ("Following", "run"), "done": ("Done", "ok"),
    "stopped": ("No longer watched", "warn"), "failed": ("Ended early", "bad"), "paused": ("Paused", "warn"),
}  # fmt: skip


def fleet_state(
    title: str,
    phase: str,
    counts: Mapping[str, int],
    numbers: Numbers,
    now: str,
    *,
    note: str = "",
    remedies: Iterable[Message] = (),
    actions: Iterable[Message] = (),
    speed: float = 1.0,
    seq: int = 0,
) -> Message:
    """The state of a :class:`Fleet`; see there for what each key is.

    ``phase`` is a run's, or "paused"; ``counts`` and ``numbers`` are the run's ``counts`` and ``progress``.
    """
    words, tone = _PHASES[phase]
    ended = phase in ("done", "stopped", "failed")
    certain = numbers.ended >= FEW and numbers.share >= 0.05
    end = numbers.expected_end if certain and not ended else None
    return {
        "title": title,
        "phase": {"text": words, "tone": tone},
        "shares": [[name, *_SHARES[name], counts[name]] for name in _SHARES if counts.get(name)],
        "total": numbers.total,
        "ended": numbers.ended,
        "companies": [numbers.companies_ended, numbers.companies],
        "per_minute": round(numbers.per_minute) if end else None,
        "end": iso(end.isoformat()) if end else None,
        "now": now,
        "speed": speed,
        "note": note,
        "remedies": list(remedies),
        "actions": list(actions),
        "seq": seq,
    }


class Fleet(Part):
    """How a run over many companies stands (class ``codat-fleet``).

    State: ``title`` · ``phase`` {``text``, ``tone``} · ``shares`` list of [state, words, tone, how many operations] in
    the bar's order, none of them 0 · ``total`` and ``ended`` operations · ``companies`` [ended, all] · ``per_minute``
    operations that end in a minute of the server's, and ``end`` the ISO time at which all should have, or None ·
    ``now``, ``speed`` of the server's clock · ``note`` what is waited for, or "" · ``remedies`` list of {``status``,
    ``short``, ``action``, ``companies``, ``operations``, ``links`` how many link URLs there are to copy} · ``actions``
    buttons as {``type``, ``text``, ``title``?} · ``seq`` of the last action taken up.

    Sends: {"type": <an action's type>, "seq"} · {"type": "links", "status"}, which is answered by a message {"type":
    "links", "status", "text"} to be copied.
    """

    classes = ("codat-fleet",)
    files = ("fleet.js", "console.css", "fleet.css")

    @staticmethod
    def text(state: Message) -> str:
        """The numbers, then a line for each remedy; times in UTC."""
        ended, companies = state["companies"]
        head = [
            f"{state['title']}: {state['phase']['text']}",
            f"{number(state['ended'])} of {count(state['total'], 'operation')} ended",
            *(f"{number(many)} {words}" for _, words, _, many in state["shares"]),
            f"{number(ended)} of {count(companies, 'company', 'companies')} done",
        ]
        head += [utc(f"end expected {state['end']}")] if state["end"] else []
        notes = [utc(state["note"])] if state["note"] else []
        return "\n".join([", ".join(head), *notes, *map(_remedy_text, state["remedies"])])


def _remedy_text(remedy: Message) -> str:
    concerned = count(remedy["companies"], "company")
    return f"  {concerned}: {remedy['short']}. {remedy['action']}"
