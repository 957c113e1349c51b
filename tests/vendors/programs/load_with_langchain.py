"""Load documents with langchain-xparse: URL, app id, secret code and path are given."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain_xparse import XParseLoader


async def load_async(loader: Any) -> list[Any]:
    return [document async for document in loader.alazy_load()]


def main(url: str, app_id: str, secret_code: str, path: str) -> None:
    account = {"app_id": app_id, "secret_code": secret_code, "base_url": url}
    config = {"capabilities": {"include_hierarchy": True}, "scope": {"page_range": "1"}}
    documents = XParseLoader(path, **account).load()
    several = XParseLoader([path, path], config=config, **account).load()
    awaited = asyncio.run(load_async(XParseLoader(path, config=config, **account)))
    print(
        json.dumps(
            {
                "texts": [document.page_content for document in documents],
                "metadata": documents[0].metadata,
                "several": [document.metadata["page_number"] for document in several],
                "awaited": [document.page_content for document in awaited],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
