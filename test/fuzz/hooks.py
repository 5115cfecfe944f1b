"""What the fuzzer cannot know from the document: what is right today, and what has its effect once."""

import os
import random
import re
import uuid

import schemathesis
from hypothesis import strategies
from schemathesis.core.parameters import ParameterLocation

# Not the module: that one belongs to the fuzzer, which repeats itself by its seed.
DICE = random.Random(1)
# The id of the key that it asks with.
OWN_KEY = os.environ["FUZZER_KEY_ID"]
VALID_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
VALID_ETAG = re.compile(r'"[0-9]{1,10}"\Z')

schemathesis.openapi.format(
    "entity-tag", strategies.one_of(strategies.just("*"), strategies.integers(0, 9_999_999_999).map('"{}"'.format))
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """
    A new key for most calls, and most of them whatever the version is, or nothing would happen any more. Some repeat a
    key and some name a version, so that this is tried, too. Headers that are wrong on purpose stay as they are: the fuzzer
    would take them for right from then on.
    """
    if (case.path_parameters or {}).get("apiKeyId") == OWN_KEY:
        # It finds itself named in events, as who did what, and would be told 401 from then on.
        case.path_parameters = {**case.path_parameters, "apiKeyId": f"{OWN_KEY}0"}
    if case.meta is None or case.meta.is_negative_at(ParameterLocation.HEADER):
        return
    headers = case.headers or {}
    changed = {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and VALID_KEY.match(key) and DICE.random() < 0.9:
        changed["Idempotency-Key"] = f"{key[:200]}{uuid.uuid4()}"
    etag = headers.get("If-Match")
    if isinstance(etag, str) and VALID_ETAG.match(etag) and DICE.random() < 0.7:
        changed["If-Match"] = "*"
    if changed:
        # A copy: cases share theirs.
        case.headers = type(headers)({**headers, **changed})


DEADLINES = ("reserveUntil", "depositBy", "pickupBy", "useUntil")
ASKED = {f"/{name}" for name in ("method", "step", "notBefore", "notAfter", "uses")}
CREATED = {f"/deadlines/{name}" for name in DEADLINES} | {f"/access/*{name}" for name in ASKED}
CREATED |= {"/access", "/custody", "/custody/scanAt", "/waitUntil", "/bankId", "/link/part"}
CURSOR = "#query/cursor"

# Where a request that fits its schema may still be told 400: fields whose rule no schema can hold. docs/fuzzing.md says why.
BEYOND_SCHEMA = {
    "create-transaction": CREATED,
    "check-transaction": CREATED,
    "extend-transaction": {"", "/charge/currency", *(f"/{name}" for name in DEADLINES)},
    "complete-transaction": {"/charge/currency"},
    "charge-transaction": {"/currency"},
    "refund-transaction": {"/amountMinor", "/currency"},
    "update-transaction": {"/link/part"},
    "move-transaction": {"/moveBy"},
    "issue-credential": ASKED,
    "delegate-credential": {"/method", "/notAfter"},
    "create-site": {"/timeZone"},
    "create-bank": {"/layout", "/serialNumber", "/thermalRanges/*", "/vendor/url", "/vendor/locks/*"},
    "get-bank-health": {"/from"},
    "update-lock-board": {"/url", "/locks/*"},
    "hear-lock-board": {"/boardStates/*/board", "/boardStates/*/locks/*/ts", "/codes/*/ts"},
    "create-webhook-endpoint": {"/url", "/headers"},
    "update-webhook-endpoint": {"/url", "/headers"},
    "replay-webhook-endpoint": {"/from", "/to"},
    "recover-deliveries": {"/since", "/until"},
    "list-deliveries": {CURSOR, "#query/to"},
    "create-export": {"/from", "/to"},
    "create-export-schedule": {"/timeZone"},
    "update-export-schedule": {"/timeZone"},
    "create-reconciliation": {"/to"},
    "report-incident": {"/bankId", "/door", "/transactionId", "/resolveBy"},
    "replace-assignment-policy": {"/criteria"},
    "replay-assignments": {"/rules/criteria"},
    "put-message-template": {"/text", "/subject"},
    "preview-message": {"/draft/text", "/draft/subject"},
    "list-events": {"#query/after"},
    "update-workflow-terms": {"/quietHours"},
    "update-branding": {"/name", "/logoUrl"},
    "list-transactions": {CURSOR, "#query/door", "#query/to"},
}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps all but one: a request that fits its schema was refused, for such fields alone."""
    if failure.code != "ST202" or response.status_code != 400:
        return True
    operation = case.operation.definition.raw["operationId"]
    may = BEYOND_SCHEMA.get(operation, {CURSOR} if operation.startswith("list-") else set())
    errors = response.json().get("errors", [])
    # Places of a list, and doors by their labels.
    places = [re.sub(r"/\d+(?=/|$)", "/*", re.sub(r"/(locks|thermalRanges)/[^/]*$", r"/\1/*", error["pointer"])) for error in errors]
    return not errors or any(place not in may for place in places)
