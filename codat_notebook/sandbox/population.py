"""Companies nobody wrote: names, tags, connections and habits drawn from the seed and the company's number.

What lists are searched and sorted by (name, tags, created, last sync) is read off one 128-bit number per company,
so that a hundred thousand can be searched in milliseconds; the rest is drawn when a company is looked at.
"""

from typing import Final

from codat_notebook.models.platforms import BY_KIND
from codat_notebook.sandbox.seeded_random import SeededRandom, lognormal, pick
from codat_notebook.sandbox.stories import CompanyTemplate, Link, Trouble
from codat_notebook.sandbox.virtual_time import DAY

_WHO: Final = (
    "Abbott", "Alder", "Ashby", "Bannister", "Beacon", "Birch", "Blackwood", "Blythe", "Bramley", "Bridgewater",
    "Calder", "Carrow", "Castle", "Cedar", "Chalk Hill", "Cheviot", "Clearwater", "Copper", "Corbett", "Cotswold",
    "Dale", "Darby", "Dovecote", "Drummond", "Eastgate", "Elm Tree", "Ember", "Fairfax", "Falcon", "Fenwick",
    "Fernhill", "Foxglove", "Garrick", "Glen", "Granite", "Greenaway", "Hadley", "Harland", "Hawthorn", "Hazel",
    "Hollis", "Ironbridge", "Ivy Lane", "Juniper", "Kestrel", "Kingsley", "Larkspur", "Linden", "Lockwood",
    "Lowland", "Maple", "Marlowe", "Meridian", "Millbrook", "Moorland", "Nettle", "Northgate", "Oakley", "Orchard",
    "Otter", "Paxton", "Pebble", "Pennine", "Quarry", "Quayside", "Ravens", "Redfern", "Ridgeway", "Rowan",
    "Saffron", "Sandpiper", "Selby", "Severn", "Silverdale", "Sparrow", "Stanton", "Sycamore", "Tamar", "Thistle",
    "Thornbury", "Tideway", "Trent", "Underhill", "Vale", "Wainwright", "Weaver", "Westbrook", "Whitby", "Willow",
    "Winterbourne", "Wren", "Yarrow", "Yew Tree", "Zephyr",
)  # fmt: skip
_WHAT: Final = (
    "Bakery", "Bicycles", "Books", "Brewery", "Builders", "Catering", "Ceramics", "Clinic", "Coffee", "Consulting",
    "Couriers", "Dairy", "Dental", "Design", "Electrical", "Engineering", "Fabrics", "Farm Foods", "Films",
    "Flooring", "Florists", "Freight", "Garages", "Gardens", "Glass", "Interiors", "Joinery", "Kitchens",
    "Landscapes", "Laundry", "Lettings", "Lighting", "Logistics", "Marine", "Media", "Motors", "Music", "Optics",
    "Outdoor", "Packaging", "Paints", "Pharmacy", "Plumbing", "Printing", "Recruitment", "Roofing", "Scaffolding",
    "Security", "Software", "Stationery", "Textiles", "Tiles", "Tools", "Toys", "Travel", "Veterinary", "Wines",
)  # fmt: skip
_FORM: Final = ("Ltd", "Limited", "LLP", "& Co", "Group", "Inc", "LLC", "Partners", "UK", "Trading")
_REGIONS: Final = ("uk", "uk", "uk", "us", "us", "ie", "de", "au")
_SEGMENTS: Final = ("retail", "services", "food", "manufacturing", "wholesale", "construction", "health")
_PEOPLE: Final = ("Dan Tzabar", "Joe Bloggs", "Mike Smith", "Priya Nair", "Anna Lindqvist", None)
_LASTING: Final = frozenset({"PermissionsError", "ValidationError"})  # assumed: until somebody puts it right
_FAILURES: Final = ("FetchError", "ValidationError", "PermissionsError", "RateLimitError", "MapError")
_HISTORY_DAYS: Final = 35.0  # shorter than the showcase's: thousands of them may be in use at once
_AGES: Final = tuple(round(min(lognormal((n + 0.5) / 256, 2.5, 1.1), 40.0) * DAY) for n in range(256))


def name(number: int) -> str:
    """The name of the company with that number."""
    who, what, form = number & 0xFFFF, (number >> 16) & 0xFFFF, (number >> 32) & 0xFF
    return f"{_WHO[who % len(_WHO)]} {_WHAT[what % len(_WHAT)]} {_FORM[form % len(_FORM)]}"


def region(number: int) -> str:
    """Its ``region`` tag."""
    return _REGIONS[(number >> 40) & 7]


def segment(number: int) -> str:
    """Its ``segment`` tag."""
    return _SEGMENTS[((number >> 43) & 0xFF) % len(_SEGMENTS)]


def created_by(number: int) -> str | None:
    """Who made it."""
    return _PEOPLE[((number >> 51) & 0xFF) % len(_PEOPLE)]


def age(number: int) -> int:
    """Ticks since it was made, 60 to 760 days."""
    return 60 * DAY + ((number >> 59) & 0xFFFFFFFF) * (700 * DAY) // 0x100000000


def last_age(number: int) -> int:
    """Ticks since its newest sync, up to 40 days."""
    return _AGES[(number >> 91) & 0xFF]


def template_of(draws: SeededRandom, index: int, number: int) -> CompanyTemplate:
    """The company of that index and number."""
    u = draws.uniforms("sketch", index)
    kinds = ["Accounting"] if u[0] < 0.93 else []
    kinds += ["Banking"] * ((u[1] < 0.55) + (u[1] < 0.1)) + ["Commerce"] * (u[2] < 0.35)
    links = tuple(_link(draws, index, n, kind, number) for n, kind in enumerate(kinds or ["Banking"]))
    tags = {"region": region(number), "segment": segment(number)}
    return CompanyTemplate(name(number), "", links, tags, age(number) / DAY, _HISTORY_DAYS, created_by(number))


def _link(draws: SeededRandom, index: int, order: int, kind: str, number: int) -> Link:
    u = draws.uniforms("link", index, order)
    platform = pick(u[0], BY_KIND[kind])
    last = last_age(number) / DAY * (1 + order * u[1])
    if order and u[2] < 0.08:
        return Link(platform.key, None, status="PendingAuth")
    status = "Deauthorized" if u[2] > 0.94 and last > 1 else "Linked"
    if order and 0.08 <= u[2] < 0.1:
        status = "Unlinked"
    period = pick(u[3], (3.0, 7.0, 7.0, 14.0))
    ages: dict[str, float | None] = {}
    troubles = []
    for data_type in platform.types[1:]:
        chance = draws.number("exception", index, order, data_type)
        if chance < 0.08:
            ages[data_type] = None
        elif chance < 0.16:
            ages[data_type] = last + 200 * (chance - 0.08)
        elif chance < 0.22:
            ages[data_type] = last + 6
            times = 1 + int(chance * 1000) % 3
            troubles.append(_trouble(pick((chance - 0.16) / 0.06, _FAILURES), data_type, last, period, times))
    return Link(platform.key, last, ages, period, tuple(troubles), status=status)


def _trouble(status: str, data_type: str, last: float, period: float, times: int) -> Trouble:
    """A type that failed once the others were read; for some reasons it goes on to."""
    began = last + 5.9
    tries = (last + 0.2 + n * period for n in range(times))
    return Trouble(
        status, (data_type,), began, None if status in _LASTING else began,
        tries=tuple(tried for tried in tries if tried < began), relink=status == "PermissionsError",
    )  # fmt: skip
