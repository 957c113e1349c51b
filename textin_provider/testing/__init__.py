"""
A local TextIn for DAG authors, tests and demonstrations: real HTTP on loopback, no credentials, no bill.

Start it in a program with :class:`TextInServer`, or in a shell with ``python -m textin_provider.testing``. It
needs the extra: ``pip install 'airflow-provider-textin[testing]'``; importing this package does not.
"""

from __future__ import annotations

from textin_provider.testing.docflow.files import File
from textin_provider.testing.docflow.listing import Quirks
from textin_provider.testing.docflow.script import FileScript
from textin_provider.testing.faults import ScriptedFault
from textin_provider.testing.journal import Request
from textin_provider.testing.outbound import Delivery
from textin_provider.testing.server import TextInServer
from textin_provider.testing.xparse.jobs import Job
from textin_provider.testing.xparse.script import JobScript

__all__ = [
    "Delivery",
    "File",
    "FileScript",
    "Job",
    "JobScript",
    "Quirks",
    "Request",
    "ScriptedFault",
    "TextInServer",
]
