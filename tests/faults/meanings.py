"""
What each fault means, judged by the rules of behaviour and the vendor's table, and not by the product's code.

Sources: section 2 of the design; docs.textin.com/xparse/v1/parse-response; the vendor's published clients.
"""

from __future__ import annotations

from enum import StrEnum


class Meaning(StrEnum):
    """What a fault means for whoever asked."""

    FINE = "odd, and a whole answer all the same"
    ODD = "whole to one HTTP library and broken to the other"
    HOLLOW = "success that carries nothing"
    AUTHENTICATION = "bad credentials"
    QUOTA = "no balance"
    REQUEST = "bad request or document"
    LIMITED = "too many requests"
    LOCKED = "a gateway that asks to wait, and may have passed the request on"
    FAILED = "an envelope says that TextIn failed"
    BROKEN = "no envelope came, or one that names an id beside a failure"
    NO_RESULT = "what lies at result_url is no result, or has expired"
    DAMAGED = "the answer broke off"
    LOST = "no answer"
    UNSENT = "the connection was never made"


#: Rule 7: these fail at once.
REFUSALS = frozenset({Meaning.AUTHENTICATION, Meaning.QUOTA, Meaning.REQUEST})

# Rule 4 names the transient codes, rule 6 the limits, rule 7 the permanent ones by what they are.
TRANSIENT_CODES = frozenset({500, 30203, 40428, 50011, 50012})
LIMIT_CODES = frozenset({40306, 423, 429, 900})
AUTHENTICATION_CODES = frozenset({401, 403, 40101, 40102, 40103})
QUOTA_CODES = frozenset({40003, 40307})
#: Some pages failed. Without any data there is nothing to keep, and whether pages are billed is not said.
PARTIAL = 50207

#: The permanent codes of the vendor's pages; the table of the product must have a row for each.
PUBLISHED_REFUSALS = frozenset(
    {400, 404, 40004, 40007, 40008, 40301, 40302, 40303, 40304, 40305, 40400, 40422, 40423, 40424, 40425}
    | {40426, 40427, 40429, 40600}
    | {1005006000, 1005006006, 1005006014, 1005006016, 1005016000, 1005016010, 1005016018}
    | {1005025000, 1005025103}
)
PUBLISHED = (
    TRANSIENT_CODES | LIMIT_CODES | AUTHENTICATION_CODES | QUOTA_CODES | PUBLISHED_REFUSALS | {PARTIAL}
)


def meaning_of_code(code: int) -> Meaning:
    """Judge a code in an envelope without data."""
    if code in AUTHENTICATION_CODES:
        return Meaning.AUTHENTICATION
    if code in QUOTA_CODES:
        return Meaning.QUOTA
    if code in LIMIT_CODES:
        return Meaning.LIMITED
    if code in TRANSIENT_CODES or 500 <= code <= 599:
        return Meaning.FAILED
    # Rule 7: what nobody has listed is a refusal, not a blip.
    return Meaning.BROKEN if code == PARTIAL else Meaning.REQUEST


def meaning_of_status(status: int) -> Meaning:
    """Judge an HTTP status that came without an envelope of TextIn's: nothing it says is believed."""
    return {423: Meaning.LOCKED, 429: Meaning.LIMITED}.get(status, Meaning.BROKEN)


def meaning_at_result_url(status: int) -> Meaning:
    """Judge an HTTP status of a download: signed addresses expire with any 4xx, and are asked for again."""
    if status in (423, 429):
        return Meaning.LIMITED
    is_blip = status < 300 or status >= 500 or status in (408, 425)
    return Meaning.BROKEN if is_blip else Meaning.NO_RESULT
