"""Serve a local TextIn in the foreground: ``python -m textin_provider.testing --port 8866``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING

from textin_provider.testing import extra
from textin_provider.testing.account_options import account_of, add_account_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textin_provider.testing.account import Account


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    try:
        extra.require()
    except extra.MissingExtraError as exc:
        print(exc, file=sys.stderr)
        return 1
    parser = _parser()
    options = parser.parse_args(argv)
    account = account_of(parser, options)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("textin_provider.testing").setLevel(logging.INFO)
    return _serve(options, account)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m textin_provider.testing",
        description="A local TextIn on 127.0.0.1, without billing; reads text, Markdown, HTML, CSV and PDF.",
    )
    parser.add_argument("--port", type=int, default=8866, help="port to listen on, 0 for a free one (8866)")
    parser.add_argument("--app-id", default="local-app", help="accepted app id (local-app)")
    parser.add_argument("--secret-code", default="local-secret", help="accepted secret code (local-secret)")
    parser.add_argument(
        "--workspace-id", default="local-workspace", help="existing DocFlow workspace (local-workspace)"
    )
    parser.add_argument(
        "--pending-seconds", type=float, default=2.0, help="seconds a job or file is queued (2)"
    )
    parser.add_argument(
        "--processing-seconds", type=float, default=3.0, help="seconds it is processed after that (3)"
    )
    add_account_options(parser)
    return parser


def _serve(options: argparse.Namespace, account: Account) -> int:
    from textin_provider.testing.server import TextInServer

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = TextInServer(
        options.port,
        options.app_id,
        options.secret_code,
        options.pending_seconds,
        options.processing_seconds,
        workspace_id=options.workspace_id,
        account=account,
    )
    try:
        server.start()
    except OSError as exc:
        print(f"cannot listen on port {options.port}: {os.strerror(exc.errno or 0)}", file=sys.stderr)
        return 1
    connection = shlex.quote(json.dumps(server.connection()))
    print(f"The local TextIn listens on {server.url}")
    print(f"export AIRFLOW_CONN_TEXTIN_DEFAULT={connection}", flush=True)
    stop.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
