"""How this client differs from codat-lending 12.0.0, for the calls that both have. A test walks both and this table.

Each pattern names something that a user of the official SDK can see; everything that no pattern names is equal: names,
parameters, defaults, fields, members, exceptions. To move a service to the official SDK, read down the reasons.
"""

from typing import Final

#: Parts of codat-lending that are left to it.
ELSEWHERE: Final = (
    "accounting_bank_data", "accounts_payable", "accounts_receivable", "bank_statements", "banking",
    "company_info", "data_integrity", "excel_reports", "file_upload", "financial_statements",
    "financial_summary", "liabilities", "loan_writeback", "manage_reports", "sales", "transactions",
)  # fmt: skip
#: What is there in codat-lending and missing or different here -> why.
NAMES: Final = {
    **{
        f"client.{group}": "Reading the data itself is codat-lending's; the error here says so."
        for group in ELSEWHERE
    },
    **{
        f"client.{call}*": "This client refreshes and diagnoses; it changes no company and no connection."
        for call in (
            "companies.create", "companies.delete", "companies.replace", "companies.update",
            "connections.create", "connections.delete", "connections.unlink",
        )
    },
    "package.httpclient": "client= and async_client= take httpx's own classes; annotate with those.",
    "package.types": "UNSET is msgspec's: from msgspec import UNSET.",
    "package._hooks": "listener= and debug_logger= hear every request; client= takes an httpx.Client with hooks.",
    "package.*": "Generated: here objects are in models.shared, operations and errors only, and groups on the client.",
    "shared.*.model_[!dv]*()": "Of pydantic's methods only model_dump, model_dump_json and model_validate exist.",
    "shared.*.model_validate_*()": "As above; model_validate(json.loads(text)) reads JSON.",
    "shared.*.[!m]*()": "As above; of what is generated beside them, to_dict is model_dump(by_alias=True).",
    "shared.Security.model_*()": "It holds the key, so nothing writes it out.",
    "operations.*()": "Requests are plain objects, or mappings; they are not written out.",
    "shared.DataType.*_MINUS_*": "DataType is SchemaDataType here, whose names have no MINUS.",
    "errors.NoResponseError": "It is under CodatLendingError here, so that one except clause catches everything.",
    "errors.ResponseValidationError(body)": "None means the answer's own text.",
    "utils.BackoffStrategy(max_elapsed_time)": "A minute instead of an hour: a person is waiting.",
}  # fmt: skip

#: What the same call does otherwise -> why. Each has a test of the same name.
BEHAVIOURS: Final = {
    "queueing_is_not_repeated_blindly": "A 5XX or a lost answer to a POST is looked up, never just sent again.",
    "in_progress_is_attached_to": "Queueing what is in progress returns that operation instead of raising.",
    "unknown_words_are_read": "A new status or data type is a word; codat-lending raises and loses the page.",
    "absent_is_none": "Fields that an answer leaves out are None (or empty), never UNSET; no dump has a None.",
    "a_callable_is_no_security": "security= takes the key; where it changes, make a new client. There it is called.",
    "words_print_as_their_text": "str() and repr() of a status are its text; codat-lending shows the member's name.",
    "ids_are_checked": "A company id that is no UUID is refused before anything is sent.",
    "plain_http_is_refused": "The key goes over https or to this machine only, unless allow_insecure=True.",
    "requests_time_out_after_30_seconds": "5 seconds, codat-lending's default, is shorter than slow answers take.",
    "the_key_is_masked": "Security.auth_header is a Secret; .reveal() gives the text.",
    "long_pauses_are_not_waited": "A Retry-After beyond the budget raises at once, with retry_at.",
    "no_response_is_typed": "A refused connection is NoResponseError; codat-lending lets urllib3's out.",
    "async_is_async": "The _async calls run on the event loop and use async_client; codat-lending's use threads.",
}

__all__ = ["BEHAVIOURS", "NAMES"]
