"""
What refusals teach about the rate that an account allows.

After a refusal the account is paused, and then asked at a lower rate. Below the refused rate the rate grows
quickly; close to it and beyond slowly, since only a further refusal tells where the limit is. Growth is
counted in the requests that could have been sent since the pause, so no success has to be reported.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from textin_provider.api.retry import timing

#: The part of a rate that is used, whether it was set or refused.
MARGIN = 0.9
#: Growth per request far below the refused rate, and close to it or beyond.
_QUICK, _SLOW = 0.01, 0.0003
#: The most seconds between requests that refusals lead to.
_WIDEST = 5.0
#: After so many requests without a refusal the rate was nearly right, and the next one corrects it a little.
_NEARLY_RIGHT = 20
#: Without spacing the refused rate is unknown; the rate grows quickly up to this many times the first one.
_UNKNOWN = 20
#: Refusals beyond this are past the longest pause.
_MOST_HITS = 16


@dataclass(frozen=True, slots=True)
class LearnedRate:
    """
    A lower rate after a refusal.

    :param spacing: seconds between requests right after the pause.
    :param refused: seconds between requests when they were refused.
    :param hits: refusals in a row.
    """

    spacing: float
    refused: float
    hits: int = 1

    @classmethod
    def after_refusal(
        cls, in_force: float, gap: float, former: LearnedRate | None, age: float
    ) -> LearnedRate:
        """
        Return what a refusal teaches.

        :param in_force: the least seconds between requests, 0 if they were not spaced.
        :param gap: the seconds between the refused request and the one before, infinite for the first one.
        :param former: what an earlier refusal taught.
        :param age: seconds since the pause of that refusal, or for which requests were sent without one.
        """
        if not in_force:
            return cls(timing().first_spacing, timing().first_spacing / _UNKNOWN)
        spacing = max(in_force, gap)
        # An account counts over some time, in which it lets a first burst in at any rate.
        was_nearly_right = age >= max(_NEARLY_RIGHT * min(spacing, _WIDEST), timing().first_pause)
        hits = 1 if former is None or was_nearly_right else min(former.hits + 1, _MOST_HITS)
        if spacing > _WIDEST:  # so few requests are not the reason
            kept = min(in_force, _WIDEST)
            return cls(kept, kept, hits)
        return cls(min(spacing / (MARGIN if was_nearly_right else 0.5), _WIDEST), spacing, hits)

    def spacing_after(self, age: float) -> float:
        """Return the seconds between requests when the pause ended ``age`` seconds ago."""
        requests = age / self.spacing
        border = min(self.refused / MARGIN, self.spacing)
        quick = self.spacing * math.exp(-_QUICK * requests)
        until_border = max(0.0, math.log(self.spacing / border) / _QUICK)
        slow = border * math.exp(-_SLOW * max(0.0, requests - until_border))
        return max(quick, slow)

    def to_text(self) -> str:
        """Return the values as JSON text, for a store that processes share."""
        return json.dumps([self.spacing, self.refused, self.hits])

    @classmethod
    def from_text(cls, text: str) -> LearnedRate | None:
        """Read what :meth:`to_text` returned; None for any other text."""
        try:
            spacing, refused, hits = json.loads(text)
            learned = cls(float(spacing), float(refused), int(hits))
        except (ValueError, TypeError):
            return None
        is_sound = 0 < learned.refused <= learned.spacing <= _WIDEST and 1 <= learned.hits <= _MOST_HITS
        return learned if is_sound else None
