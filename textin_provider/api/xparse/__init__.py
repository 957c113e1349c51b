"""xParse: jobs that parse one document each."""

from __future__ import annotations

from textin_provider.api.xparse.models import JobStatus, XParseJob

__all__ = ["JobStatus", "XParseJob"]
