"""
A local TextIn for tests, demonstrations and DAG development: an HTTP server on loopback, without billing.

Start it in a program with :class:`TextInServer`, or in a shell with ``python -m textin_provider.testing``. It
needs the extra: ``pip install 'airflow-provider-textin[testing]'``; importing this package does not.
"""

from __future__ import annotations

from textin_provider.testing.account import PLANS, Account, PagePackage, Usage
from textin_provider.testing.background import Delivery
from textin_provider.testing.docflow.files import File
from textin_provider.testing.docflow.query_files import Quirks
from textin_provider.testing.fast_polling import fast_polling
from textin_provider.testing.faults import ScriptedFault
from textin_provider.testing.request_log import Request
from textin_provider.testing.scripts import FileScript, JobScript
from textin_provider.testing.server import TextInServer
from textin_provider.testing.xparse.jobs import Job

__all__ = [
    "PLANS",
    "Account",
    "Delivery",
    "File",
    "FileScript",
    "Job",
    "JobScript",
    "PagePackage",
    "Quirks",
    "Request",
    "ScriptedFault",
    "TextInServer",
    "Usage",
    "fast_polling",
]
