"""Wrong uses of the public API; each line must have the error of its comment, and no other line one."""

from typing import assert_type

from textin_provider.exceptions import TextInError, TextInQuotaError, TextInRateLimitError
from textin_provider.hooks.textin import TextInHook
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.operators.docflow import DocFlowUploadOperator
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseFolderOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import Account, FileScript, JobScript, ScriptedFault, TextInServer, fast_polling


def operators() -> None:
    XParseSubmitOperator("a.pdf", task_id="submit")  # error: call-arg
    XParseSubmitOperator(task_id="submit", file=b"a.pdf")  # error: arg-type
    XParseSubmitOperator(task_id="submit", file="a.pdf", config=["pages"])  # error: arg-type
    XParseDocumentOperator(task_id="parse", file="a.pdf")  # error: call-arg
    XParseDocumentOperator(task_id="parse", output_path="/a", poll_interval="10s")  # error: arg-type
    XParseFolderOperator(task_id="parse", source="/in")  # error: call-arg
    XParseFolderOperator(task_id="parse", source="/in", output_path="/out", formats=1)  # error: arg-type
    DocFlowUploadOperator(task_id="upload", files=[1])  # error: list-item
    DocFlowUploadOperator(task_id="upload", split_flag="yes")  # error: arg-type


def sensors() -> None:
    XParseJobSensor(task_id="wait")  # error: call-arg
    XParseJobSensor(task_id="wait", job_id=7)  # error: arg-type
    DocFlowBatchSensor(task_id="wait", batch_number=20260101)  # error: arg-type
    DocFlowBatchSensor(task_id="wait", batch_number="b", deferrable="no")  # error: arg-type


def hook() -> None:
    hook = TextInHook()
    hook.submit_xparse_job("a.pdf", "https://h/a", {}, None, "aws")  # error: call-arg
    hook.workspace(7)  # error: arg-type
    assert_type(hook.get_xparse_job("job-1"), dict[str, str])  # error: assert-type
    _ = hook.get_xparse_job("job-1")["status"]  # error: index
    hook.upload_docflow_files(["a.pdf"], batch_number=7)  # error: arg-type
    hook.poll_docflow_progress("b", "w")  # error: arg-type


async def async_hook() -> None:
    async with TextInAsyncHook() as hook:
        await hook.get_xparse_job(1)  # error: arg-type
        _ = hook.get_xparse_job("job-1").status  # error: attr-defined


def exceptions(error: TextInError, limit: TextInRateLimitError) -> TextInQuotaError:
    _ = error.code + 1  # error: operator
    _ = error.http_status  # error: attr-defined
    return limit  # error: return-value


def local_textin(textin: TextInServer) -> None:
    textin.fault("status", 502)  # error: arg-type
    textin.fault("status", ScriptedFault(http_status="502"))  # error: arg-type
    textin.add_job(FileScript())  # error: arg-type
    textin.script(JobScript(states="completed", polls=3))  # error: call-arg
    textin.submissions = 0  # error: misc
    textin.account = Account(over="wait")  # error: arg-type
    fast_polling(0.01, True)  # error: call-arg
