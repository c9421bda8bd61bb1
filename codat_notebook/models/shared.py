"""What Codat returns: companies, connections, data statuses, pull operations, settings, integrations.

Names and fields are the official SDK's (snake_case here, camelCase in JSON). Objects are immutable. Reading
is lenient, because the API's vocabulary is open: unknown words stay (see :mod:`codat_notebook.models.vocabulary`),
unknown fields are passed over, and a required text that is missing or null reads as ``""``. Nothing of that
raises; an object tells in ``unread`` what could not be taken as it came. Times stay text; frames parse them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import msgspec

from codat_notebook.models.base import Dumped, Model, notes_of
from codat_notebook.models.errors import ConfigurationError, ErrorValidation, ErrorValidationItem, hides_arguments
from codat_notebook.models.instants import instant
from codat_notebook.models.secret import Secret
from codat_notebook.models.vocabulary import (
    DataConnectionStatus,
    DatasetStatus,
    ErrorStatus,
    SchemaDataType,
    SourceType,
)

#: The official SDK has these words under several names.
DataType = DataTypes = SchemaDataType
Status = CurrentStatus = DatasetStatus


class HalRef(Model, frozen=True, kw_only=True):
    """A link, relative to the server."""

    href: str | None = None


class Links(Model, frozen=True, kw_only=True):
    """The links of a page; ``next`` is there as long as there are more."""

    self_: HalRef | None = msgspec.field(default=None, name="self")
    current: HalRef | None = None
    next: HalRef | None = None
    previous: HalRef | None = None


class Page(Model, frozen=True, kw_only=True):
    """Common to all pages. The numbers are what Codat says; published examples hold zeros."""

    page_number: int = 0
    page_size: int = 0
    total_results: int = 0
    links: Links = msgspec.field(default_factory=Links, name="_links")

    @property
    def rows(self) -> Sequence[Model]:
        """The ``results``, whatever their kind."""
        return getattr(self, "results", ())

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be taken as it came, also in the rows."""
        return (*notes_of(self), *(f"results[{i}].{note}" for i, row in enumerate(self.rows) for note in row.unread))


class DataConnectionError(Model, frozen=True, kw_only=True):
    """A failure of a connection, resolved or not."""

    status_code: str | None = None
    status_text: str | None = None
    error_message: str | None = None
    errored_on_utc: str | None = None
    status: ErrorStatus | None = None
    resolved_on_utc: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is not resolved: either field may say so, and both are optional."""
        return self.status != "Resolved" and not self.resolved_on_utc


class Connection(Model, frozen=True, kw_only=True):
    """A company's link to one platform. ``link_url`` is where the customer (re)authorizes it."""

    REQUIRED: ClassVar = ("id", "status")

    id: str = ""
    integration_id: str = ""
    integration_key: str | None = None
    source_id: str = ""
    source_type: SourceType = SourceType("")
    platform_name: str = ""
    link_url: str = ""
    status: DataConnectionStatus = DataConnectionStatus("")
    last_sync: str | None = None
    created: str = ""
    data_connection_errors: list[DataConnectionError] | None = None
    connection_info: dict[str, Any] | None = None
    additional_properties: dict[str, Any] | None = None
    #: Whether its connector runs on the customer's machine: see :class:`OnPremiseConnection`.
    on_premise: ClassVar = False

    @property
    def is_linked(self) -> bool:
        """Whether Codat can read it."""
        return self.status == "Linked"


class OnPremiseConnection(Connection, frozen=True, kw_only=True):
    """One whose connector runs on the customer's machine, as its integration tells: made by ``client.lookup.placed``.

    That is no field, since Codat's connections have none: no way of writing it out shows it.
    """

    on_premise: ClassVar = True


class CompanyReferenceLinks(Model, frozen=True, kw_only=True):
    """Where a referenced company is shown."""

    portal: str | None = None


class CompanyReference(Model, frozen=True, kw_only=True):
    """A parent or a subsidiary."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    links: CompanyReferenceLinks | None = None
    tags: dict[str, str] | None = None


class Company(Model, frozen=True, kw_only=True):
    """A company with its connections. A parent may have none of its own."""

    REQUIRED: ClassVar = ("id", "name")

    id: str = ""
    name: str = ""
    description: str | None = None
    redirect: str = ""
    last_sync: str | None = None
    created: str | None = None
    created_by_user_name: str | None = None
    products: list[str] | None = None
    tags: dict[str, str] | None = None
    owner_user_ids: list[str] | None = None
    reference_parent_company: CompanyReference | None = None
    reference_subsidiary_companies: list[CompanyReference] | None = None
    data_connections: list[Connection] | None = None


class DataStatus(Model, frozen=True, kw_only=True):
    """How fresh one data type of a company is, over all its connections: the *latest* sync decides.

    ``current_status`` is None for a type that has never been synced.
    """

    REQUIRED: ClassVar = ("data_type",)

    data_type: SchemaDataType = SchemaDataType("")
    last_successful_sync: str | None = None
    current_status: DatasetStatus | None = None
    latest_sync_id: str | None = None
    latest_successful_sync_id: str | None = None


class DataStatuses(Dumped):
    """The statuses of a company by data type: ``statuses["invoices"]``, or ``statuses.invoices`` as in the SDK.

    ``by_type`` holds them all, custom types included; a known type that Codat left out is None as an attribute.
    ``unread`` says what could not be taken as it came.
    """

    __slots__ = ("by_type", "unread")

    def __init__(self, by_type: dict[str, DataStatus], unread: tuple[str, ...] = ()) -> None:
        self.by_type = by_type
        self.unread = unread

    if TYPE_CHECKING:  # the names that are there; a type checker is to find one that is not
        account_transactions: DataStatus | None
        balance_sheet: DataStatus | None
        bank_accounts: DataStatus | None
        bank_transactions: DataStatus | None
        bill_credit_notes: DataStatus | None
        bill_payments: DataStatus | None
        bills: DataStatus | None
        cash_flow_statement: DataStatus | None
        chart_of_accounts: DataStatus | None
        company: DataStatus | None
        credit_notes: DataStatus | None
        customers: DataStatus | None
        direct_costs: DataStatus | None
        direct_incomes: DataStatus | None
        invoices: DataStatus | None
        item_receipts: DataStatus | None
        items: DataStatus | None
        journal_entries: DataStatus | None
        journals: DataStatus | None
        payment_methods: DataStatus | None
        payments: DataStatus | None
        profit_and_loss: DataStatus | None
        purchase_orders: DataStatus | None
        sales_orders: DataStatus | None
        suppliers: DataStatus | None
        tax_rates: DataStatus | None
        tracking_categories: DataStatus | None
        transfers: DataStatus | None
        banking_account_balances: DataStatus | None
        banking_accounts: DataStatus | None
        banking_transaction_categories: DataStatus | None
        banking_transactions: DataStatus | None
        commerce_company_info: DataStatus | None
        commerce_customers: DataStatus | None
        commerce_disputes: DataStatus | None
        commerce_locations: DataStatus | None
        commerce_orders: DataStatus | None
        commerce_payment_methods: DataStatus | None
        commerce_payments: DataStatus | None
        commerce_product_categories: DataStatus | None
        commerce_products: DataStatus | None
        commerce_tax_components: DataStatus | None
        commerce_transactions: DataStatus | None
    else:

        def __getattr__(self, name: str) -> DataStatus | None:
            word = SchemaDataType.__members__.get(name.upper())
            if word is None or not name.islower():
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return self.by_type.get(word)

    def __getitem__(self, data_type: str) -> DataStatus:
        return self.by_type[data_type]

    def __contains__(self, data_type: object) -> bool:
        return data_type in self.by_type

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_type)

    def __len__(self) -> int:
        return len(self.by_type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataStatuses) and self.by_type == other.by_type

    __hash__ = None  # type: ignore[assignment]  # as of any mapping

    def __repr__(self) -> str:
        return f"DataStatuses({self.by_type!r})"

    def model_dump(self, *, by_alias: bool = False) -> dict[str, Any]:
        """See :class:`Dumped`. A custom data type has one name only."""
        return {
            key if by_alias or key not in _ATTRIBUTES else _ATTRIBUTES[key]: status.model_dump(by_alias=by_alias)
            for key, status in self.by_type.items()
        }

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """See :class:`Dumped`."""
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise ValueError(f"{cls.__name__}: a mapping of data types, not {type(obj).__name__}")
        keys = {attribute: key for key, attribute in _ATTRIBUTES.items()}
        return cls({str(keys.get(name, name)): DataStatus.model_validate(status) for name, status in obj.items()})

    @classmethod
    def _shape(cls, handler: Any) -> Any:
        return handler.generate_schema(dict[str, DataStatus])


#: Data type -> its attribute.
_ATTRIBUTES: Final = {str(word.value): name.lower() for name, word in SchemaDataType.__members__.items()}


class PullOperation(Model, frozen=True, kw_only=True):
    """One pull of one data type from one connection. ``is_completed`` means that it succeeded."""

    REQUIRED: ClassVar = ("id", "data_type", "status", "requested")

    id: str = ""
    company_id: str = ""
    connection_id: str = ""
    data_type: SchemaDataType = SchemaDataType("")
    status: DatasetStatus = DatasetStatus("")
    status_description: str | None = None
    error_message: str | None = None
    requested: str = ""
    completed: str | None = None
    progress: int = 0
    is_completed: bool = False
    is_errored: bool = False

    @property
    def told(self) -> datetime | None:
        """The latest time that it tells, in UTC: its end, or its request where Codat leaves out ``completed``."""
        return instant(self.completed) or instant(self.requested)


class SyncSetting(Model, frozen=True, kw_only=True):
    """When and how far back Codat pulls one data type. ``sync_schedule`` is in hours; 0 or None: never by itself."""

    REQUIRED: ClassVar = ("data_type",)

    data_type: SchemaDataType = SchemaDataType("")
    fetch_on_first_link: bool = False
    sync_schedule: int | None = 0
    sync_order: int = 0
    sync_from_utc: str | None = None
    sync_from_window: int | None = None
    months_to_sync: int | None = None
    is_locked: bool | None = None


class SyncSettings(Model, frozen=True, kw_only=True):
    """The sync settings of a company (``company_id``) or of the whole account (``client_id``).

    ``overrides_defaults`` says of a company's whether they hold instead of the account's.
    """

    settings: list[SyncSetting] = msgspec.field(default_factory=list)
    company_id: str | None = None
    client_id: str | None = None
    overrides_defaults: bool | None = None

    @property
    def first_link(self) -> frozenset[str]:
        """The data types with *fetch on first link*: those that a refresh of everything queues."""
        return frozenset(setting.data_type for setting in self.settings if setting.fetch_on_first_link)


class SupportedFeature(Model, frozen=True, kw_only=True):
    """What can be done with a data type (``Get``, ``Create``, ...), and how ready that is."""

    feature_type: str = ""
    feature_state: str = ""


class DataTypeFeature(Model, frozen=True, kw_only=True):
    """What a platform can do with one data type."""

    datatype: SchemaDataType = SchemaDataType("")
    supported_features: list[SupportedFeature] = msgspec.field(default_factory=list)


class Integration(Model, frozen=True, kw_only=True):
    """A platform that companies can be linked to."""

    REQUIRED: ClassVar = ("key", "name")

    key: str = ""
    name: str = ""
    logo_url: str = ""
    enabled: bool = False
    integration_id: str | None = None
    source_id: str | None = None
    source_type: SourceType | None = None
    is_beta: bool | None = None
    is_offline_connector: bool | None = None
    data_provided_by: str | None = None
    linked_connections_count: int | None = None
    total_connections_count: int | None = None
    datatype_features: list[DataTypeFeature] | None = None

    @property
    def readable_data_types(self) -> tuple[str, ...]:
        """The data types that can be pulled from this platform."""
        absent = ("NotSupported", "NotImplemented", "Deprecated")
        return tuple(
            feature.datatype
            for feature in self.datatype_features or ()
            if any(f.feature_type == "Get" and f.feature_state not in absent for f in feature.supported_features)
        )


class Companies(Page, frozen=True, kw_only=True):
    """A page of companies."""

    results: list[Company] = msgspec.field(default_factory=list)


class Connections(Page, frozen=True, kw_only=True):
    """A page of connections."""

    results: list[Connection] = msgspec.field(default_factory=list)


class PullOperations(Page, frozen=True, kw_only=True):
    """A page of pull operations."""

    results: list[PullOperation] = msgspec.field(default_factory=list)


class Integrations(Page, frozen=True, kw_only=True):
    """A page of integrations."""

    results: list[Integration] = msgspec.field(default_factory=list)


class ValidationResults(Model, frozen=True, kw_only=True):
    """Codat's findings about the data that one operation pulled."""

    errors: list[ErrorValidationItem] = msgspec.field(default_factory=list)
    warnings: list[ErrorValidationItem] = msgspec.field(default_factory=list)


class Security:
    """The key for the client: the header's text as in the SDK (``Basic ...``), the raw key, or a ``Secret``.

    >>> Security(auth_header="Basic c2VjcmV0LWtleQ==")
    Security(auth_header='Basic ••••')
    """

    __slots__ = ("auth_header",)

    @hides_arguments
    def __init__(self, *, auth_header: str | Secret) -> None:
        #: The key, masked; ``.reveal()`` gives the header.
        self.auth_header = Secret.of(auth_header)

    @classmethod
    @hides_arguments
    def of(cls, security: "Security | str | Secret | Mapping[str, str]") -> Self:
        """Take the key in any of the forms that users hold it in."""
        if isinstance(security, Security):
            return cls(auth_header=security.auth_header)
        if isinstance(security, Mapping):
            if "auth_header" not in security:
                raise ConfigurationError("security is a mapping without 'auth_header', which holds the key.")
            return cls(auth_header=security["auth_header"])
        return cls(auth_header=security)

    def __repr__(self) -> str:
        return "Security(auth_header='Basic ••••')"


__all__ = [
    "Companies", "Company", "CompanyReference", "CompanyReferenceLinks", "Connection", "Connections",
    "CurrentStatus", "DataConnectionError", "DataConnectionStatus", "DataStatus", "DataStatuses", "DataType",
    "DataTypeFeature", "DataTypes", "DatasetStatus", "ErrorStatus", "ErrorValidation", "ErrorValidationItem",
    "HalRef", "Integration", "Integrations", "Links", "PullOperation", "PullOperations", "SchemaDataType", "Secret",
    "Security", "SourceType", "Status", "SupportedFeature", "SyncSetting", "SyncSettings", "ValidationResults",
]  # fmt: skip
