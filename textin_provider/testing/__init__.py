"""
A local TextIn for DAG authors, tests and demonstrations: real HTTP on loopback, no credentials, no bill.

Start it in a program with :class:`TextInServer`, or in a shell with ``python -m textin_provider.testing``. It
needs the extra: ``pip install 'airflow-provider-textin[testing]'``; importing this package does not.
"""

from __future__ import annotations

from textin_provider.testing.faults import ScriptedFault
from textin_provider.testing.jobs import Job
from textin_provider.testing.journal import Request
from textin_provider.testing.outbound import Delivery
from textin_provider.testing.script import JobScript
from textin_provider.testing.server import TextInServer

__all__ = ["Delivery", "Job", "JobScript", "Request", "ScriptedFault", "TextInServer"]
