"""Parse a document with xparse-client, at once and as a job: URL, app id, secret code and path are given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from xparse_client import XParseClient
from xparse_client.models import Capabilities, ParseConfig, Scope


def main(url: str, app_id: str, secret_code: str, path: str) -> None:
    client = XParseClient(app_id, secret_code, server_url=url, max_retries=0)
    document, name = Path(path).read_bytes(), Path(path).name
    plain = client.parse.run(file=document, filename=name)
    # The default config has null in all its blocks.
    default = client.parse.run(file=document, filename=name, config=ParseConfig())
    config = ParseConfig(
        capabilities=Capabilities(pages=True, title_tree=True), scope=Scope(page_range="2-3")
    )
    chosen = client.parse.run(file=document, filename=name, config=config)
    job = client.parse.create_job(file=document, filename=name, config=config)
    ended = client.parse.wait_job(job_id=job.job_id, poll_interval=0.05, timeout=30)
    print(
        json.dumps(
            {
                "plain": [element.text for element in plain.elements],
                "default": [element.text for element in default.elements],
                "chosen": [element.text for element in chosen.elements],
                "pages": [page.page_number for page in chosen.pages or []],
                "success_count": chosen.success_count,
                "schema_version": chosen.schema_version,
                "status": ended.status,
                "result_url": ended.result_url,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
