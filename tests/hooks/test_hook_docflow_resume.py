"""Uploads by the hook that resume: for tasks of one's own, with a batch number of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.uploads import accepted, invoices, once
from tests.running import new_dag, run_dag
from textin_provider.exceptions import TextInRequestError, TextInServerError
from textin_provider.hooks.textin import TextInHook
from textin_provider.testing import ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from pathlib import Path


def test_only_what_the_batch_lacks_is_sent(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 12)
    first = hook.upload_docflow_files(files[:3], batch_number="b7")
    told: list[int] = []

    upload = hook.upload_docflow_files(
        files, batch_number="b7", resume=True, on_accepted=lambda all_: told.append(len(all_.files))
    )

    assert upload.files[:3] == first.files
    assert [file["file_id"] for file in upload.files] == list(textin.files)
    assert accepted(textin) == once(files)
    assert told == [3, 12]


def test_an_uncertain_request_is_settled(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 12)
    textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))
    textin.fault("upload", ScriptedFault(http_status=502, body=b"<html>"))

    upload = hook.upload_docflow_files(files, batch_number="b7", resume=True)

    assert len(upload.files) == 12
    assert (textin.count("upload"), accepted(textin)) == (3, once(files))


def test_the_password_is_in_no_error_of_a_request_that_stays_uncertain(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    fault = ScriptedFault(code=500, message="parser_pdf_pwd 42 of hush-7f3a", http_status=504, body=b"<html>")
    textin.fault("upload", fault, times=None)
    with pytest.raises(TextInServerError) as caught:
        hook.upload_docflow_files(
            invoices(tmp_path, 1), batch_number="b", resume=True, pdf_password="hush-7f3a"
        )
    assert "hush" not in f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("batch_number", [None, "", " "], ids=repr)
def test_a_batch_number_is_needed(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, batch_number: Any
) -> None:
    with pytest.raises(TextInRequestError, match="resume=True: there is no batch_number"):
        hook.upload_docflow_files(invoices(tmp_path, 1), batch_number=batch_number, resume=True)
    assert textin.count("*") == 0


def test_a_task_of_ones_own_resumes_in_its_retry(
    airflow_db: None, textin: TextInServer, tmp_path: Path
) -> None:
    from airflow.providers.common.compat.sdk import task

    files = invoices(tmp_path, 25)
    textin.fault("upload", ScriptedFault(chunked=True))

    with new_dag("docflow_hook_in_a_task") as dag:

        @task
        def upload(batch_number: str) -> int:
            def broken(all_: Any) -> None:
                if len(all_.files) == 20 and textin.count("fetch") == 0:
                    raise ConnectionError("storage")

            hook = TextInHook()
            return len(
                hook.upload_docflow_files(
                    files, batch_number=batch_number, resume=True, on_accepted=broken
                ).files
            )

        upload("{{ run_id }}")

    with fast_polling():
        [ti] = run_dag(dag, tmp_path / "dags").values()

    assert (str(ti.state), ti.try_number) == ("success", 2)
    assert accepted(textin) == once(files)
