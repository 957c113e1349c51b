"""Uses of the public API, which mypy checks with the other tests; test_typing.py checks them alone too."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import requests
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Context, ObjectStoragePath

from textin_provider import exceptions
from textin_provider.api.docflow.models import DocFlowFile, Selector
from textin_provider.api.docflow.progress import Progress
from textin_provider.api.docflow.upload import DocFlowUpload
from textin_provider.api.errors import ErrorKind
from textin_provider.api.finance import Balance, Package
from textin_provider.api.xparse.models import XParseJob
from textin_provider.hooks.textin import TextInHook
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseFolderOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import (
    PLANS,
    Account,
    Delivery,
    File,
    FileScript,
    Job,
    JobScript,
    Quirks,
    Request,
    ScriptedFault,
    TextInServer,
    Usage,
    fast_polling,
)

JOB_ID = "{{ ti.xcom_pull('submit') }}"


def xparse_dag() -> DAG:
    with DAG("xparse", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        submit = XParseSubmitOperator(
            task_id="submit",
            file="s3://bucket/a.pdf",
            config={"scope": {"page_range": "1-3"}},
            webhook="https://example.com/done",
            file_conn_id="aws",
            textin_conn_id="textin_default",
            retries=2,
        )
        wait = XParseJobSensor(
            task_id="wait",
            job_id=JOB_ID,
            raise_on_failure=False,
            textin_conn_id="textin_default",
            deferrable=True,
            poke_interval=30,
            timeout=timedelta(hours=1).total_seconds(),
            soft_fail=True,
        )
        download = XParseDownloadResultOperator(
            task_id="download",
            job_id=["job-1", "job-2"],
            output_path="s3://bucket/results/",
            output_conn_id="aws",
            overwrite=False,
        )
        submit >> wait >> download
        XParseSubmitOperator(task_id="submit_path", file=Path("a.pdf"), rate_limit_timeout=0)
        XParseSubmitOperator(task_id="submit_object", file=ObjectStoragePath("s3://aws@bucket/a.pdf"))
        XParseDownloadResultOperator(task_id="store_in", job_id=["job-1"], output_path=Path("results"))
        XParseSubmitOperator.partial(task_id="each").expand(file=["a.pdf", "b.pdf"])
        XParseJobSensor.partial(task_id="wait_each", poke_interval=5).expand(job_id=submit.output)
        XParseDocumentOperator(
            task_id="document",
            file_url="https://example.com/a.pdf",
            output_path="/results/",
            config='{"scope": {}}',
            durable=False,
            deferrable=True,
            rate_limit_timeout=timedelta(hours=2),
            poll_interval=2.5,
            timeout=3600,
        )
        XParseFolderOperator(
            task_id="folder",
            source="s3://inbox/2026/**/*.pdf",
            output_path=Path("/parsed"),
            config={"scope": {"page_range": "1-3"}},
            formats=("json",),
            source_conn_id="aws",
            max_documents="{{ params.max_documents }}",
            max_in_flight=5,
            retry_failed=True,
            deferrable=True,
            timeout=timedelta(days=7),
            rate_limit_timeout=600,
        )
        XParseFolderOperator(task_id="listed", source=["a.pdf", "https://h/b.pdf"], output_path="/parsed")
    return dag


def docflow_dag() -> None:
    upload = DocFlowUploadOperator(
        task_id="upload",
        files=["a.pdf", "b.pdf"],
        batch_number="20260101",
        category="invoice",
        target_process="extract",
        split_flag=True,
        parser_params={"dpi": 144},
        rate_limit_timeout=600,
        pdf_password="{{ var.value.password }}",
    )
    wait = DocFlowBatchSensor(task_id="wait", batch_number="20260101", expected_files=2, mode="reschedule")
    download = DocFlowDownloadResultsOperator(
        task_id="download", batch_number="20260101", output_path="/results.jsonl", raise_on_failure=False
    )
    upload >> wait >> download
    DocFlowUploadOperator(
        task_id="upload_paths", files=[Path("a.pdf"), ObjectStoragePath("s3://bucket/b.pdf")]
    )
    DocFlowUploadOperator(task_id="upload_text", files="{{ params.files }}")


def return_values_of_operators(context: Context) -> None:
    submit = XParseSubmitOperator(task_id="submit", file="a.pdf")
    assert_type(submit.hook, TextInHook)
    assert_type(submit.execute(context), str)
    store = XParseDownloadResultOperator(task_id="store", job_id="job-1", output_path="/a.json")
    assert_type(store.execute(context), dict[str, Any] | list[dict[str, Any]])
    document = XParseDocumentOperator(task_id="document", file="a.pdf", output_path="/a.json")
    assert_type(document.execute(context), dict[str, Any])
    folder = XParseFolderOperator(task_id="folder", source=Path("in"), output_path="/parsed")
    assert_type(folder.execute(context), dict[str, Any])
    assert_type(DocFlowUploadOperator(task_id="upload", urls="https://h/a").execute(context), dict[str, Any])
    read = DocFlowDownloadResultsOperator(task_id="read", file_id="1")
    assert_type(read.execute(context), dict[str, Any])


def hook_for_xparse() -> None:
    hook = TextInHook("textin_default")
    assert_type(hook.get_conn(), requests.Session)
    assert_type(hook.test_connection(), tuple[bool, str])
    assert_type(hook.submit_xparse_job(Path("a.pdf")), str)
    assert_type(hook.submit_xparse_job("a.pdf", config={}, file_conn_id="aws"), str)
    job = hook.get_xparse_job("job-1")
    assert_type(job, XParseJob)
    assert_type(job.job_id, str)
    assert_type(hook.poll_xparse_job("job-1", attempts=3), XParseJob)
    assert_type(hook.download_xparse_result("job-1", "/a.json", overwrite=False), dict[str, Any])


def hook_for_docflow() -> None:
    hook = TextInHook()
    assert_type(hook.download_xparse_result("job-1", "/a.json", on_partial="fail"), dict[str, Any])
    assert_type(hook.get_balance(), Balance)
    assert_type(hook.get_package("docflow"), list[Package])
    assert_type(hook.workspace(), str)
    upload = hook.upload_docflow_files(files=["a.pdf"], batch_number="b", pdf_password="x")
    assert_type(upload, DocFlowUpload)
    assert_type(upload.batch_number, str | None)
    assert_type(hook.fetch_docflow_files("b", recognition_status=1), list[DocFlowFile])
    selector = Selector.of(batch_number="b")
    assert_type(hook.iter_docflow_files(selector, page_size=10), Iterator[list[DocFlowFile]])
    assert_type(hook.poll_docflow_progress(selector, hook.workspace()), Progress)


async def async_hook() -> None:
    async with TextInAsyncHook("textin_default") as hook:
        assert_type(hook, TextInAsyncHook)
        assert_type(await hook.get_xparse_job("job-1"), XParseJob)
        assert_type(await hook.refresh(), bool)


def errors(error: exceptions.TextInError) -> None:
    assert_type(error.kind, ErrorKind)
    assert_type(error.about, str)
    assert_type(error.message, str)
    assert_type(error.fix, str)
    assert_type(error.code, int | None)
    assert_type(error.detail, str | None)
    assert_type(error.request_id, str | None)
    assert_type(error.retry_after, float | None)
    assert_type(error.to_dict(), dict[str, Any])


def permanent_error(error: exceptions.TextInQuotaError) -> AirflowFailException:
    return error


def local_textin() -> None:
    server = TextInServer(pending_seconds=0, workspace_id=["a", "b"], quirks=Quirks(max_page_size=2))
    with server as textin, fast_polling(0.005, keep_intervals=True):
        assert_type(textin, TextInServer)
        assert_type(textin.url, str)
        assert_type(textin.connection(), dict[str, Any])
        assert_type(textin.add_job(JobScript(states=["pending", "completed"])), str)
        textin.script(JobScript(status="failed", message="document is empty"))
        textin.script_file(FileScript(status=2, children=(FileScript(),)))
        assert_type(textin.add_batch("b", [FileScript(name="a.pdf")]), str)
        textin.fault("status", ScriptedFault(http_status=502), times=None)
        textin.fault("upload", ScriptedFault(code=40306, headers={"Retry-After": "1"}))
        textin.clear_faults()
        assert_type(textin.account, Account)
        textin.account = Account(requests_per_second=0.5, concurrent_jobs=2, over="queue")
        textin.account = PLANS["free"]
        assert_type(textin.usage, Usage)
        assert_type(textin.count("*"), int)
        assert_type(textin.jobs["job-1"], Job)
        assert_type(textin.files["1"], File)
        assert_type(textin.requests, list[Request])
        assert_type(textin.webhooks, list[Delivery])
    with fast_polling() as nothing:
        assert_type(nothing, None)
