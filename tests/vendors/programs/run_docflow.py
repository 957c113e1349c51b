"""Run a batch with docflow-sdk: URL, app id, secret code and path are given."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from docflow import DocflowClient


def main(url: str, app_id: str, secret_code: str, path: str) -> None:
    client = DocflowClient(app_id, secret_code, base_url=f"{url}/api", max_retries=0)
    workspace_id = client.workspace.list(page=1, page_size=100).workspaces[0].workspace_id
    name = client.workspace.get(workspace_id).name
    flags = {"auto_verify_vat": False, "split_flag": False, "crop_flag": False, "parser_dpi": 144}
    upload = client.file.upload(workspace_id, "invoice", file_path=path, batch_number="B1", **flags)
    (task_id,) = [file.task_id for file in upload.files]
    files = wait(client, workspace_id)
    client.file.retry(workspace_id, task_id, parser_params={"dpi": 216})
    again = wait(client, workspace_id)
    every = list(client.file.iter(workspace_id, batch_number="B1", with_document=True, with_image_url=True))
    deleted = client.file.delete(workspace_id, batch_number=["B1"]).deleted_count
    print(
        json.dumps(
            {
                "workspace": [workspace_id, name],
                "batch_number": upload.batch_number,
                "names": [file.name for file in upload.files],
                "values": [{field["key"]: field["value"] for field in file.data["fields"]} for file in files],
                "statuses": [file.recognition_status for file in again],
                "every": [file.task_id == task_id for file in every],
                "deleted": deleted,
            }
        )
    )


def wait(client: Any, workspace_id: str) -> list[Any]:
    while True:
        files: list[Any] = client.file.fetch(workspace_id, batch_number="B1", with_task_detail_url=True).files
        if all(file.recognition_status in (1, 2) for file in files):
            return files
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
