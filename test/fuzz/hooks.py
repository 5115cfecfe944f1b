"""What the fuzzer cannot know from the document: that an Idempotency-Key has its effect once."""

import random
import re
import uuid

import schemathesis

# Not the module: that one belongs to the fuzzer, which repeats itself by its seed.
DICE = random.Random(1)
VALID = re.compile(r"[\x21-\x7e]{1,255}\Z")


@schemathesis.hook
def before_call(context, case, kwargs):
    """A new key for most calls, or nothing would happen any more. Some repeat one, so that this is tried, too."""
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and VALID.match(key) and DICE.random() < 0.9:
        # A copy: cases share theirs.
        case.headers = type(headers)({**headers, "Idempotency-Key": f"{key[:200]}{uuid.uuid4()}"})
