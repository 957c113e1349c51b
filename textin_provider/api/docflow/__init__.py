"""DocFlow: batches of business documents."""

from __future__ import annotations

from textin_provider.api.docflow.fetch import fetch_page
from textin_provider.api.docflow.models import (
    DocFlowFile,
    FilePage,
    RecognitionStatus,
    Selector,
    VerificationStatus,
)
from textin_provider.api.docflow.upload import DocFlowUpload, upload_options

__all__ = [
    "DocFlowFile",
    "DocFlowUpload",
    "FilePage",
    "RecognitionStatus",
    "Selector",
    "VerificationStatus",
    "fetch_page",
    "upload_options",
]
