"""The operator that uploads files to DocFlow as one batch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from textin_provider.api.errors import ApiError
from textin_provider.api.inputs import as_seconds
from textin_provider.api.redaction import without_secrets
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.api.text import one_line
from textin_provider.tasks.mixins import TextInTaskMixin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.api.docflow import DocFlowUpload
    from textin_provider.hooks.docflow_sources import Resume, Sources
    from textin_provider.hooks.paths import PathValue


class DocFlowUploadOperator(TextInTaskMixin, BaseOperator):
    """
    Upload files to DocFlow as one batch, without waiting for their results; no file is paid for twice.

    A list of more than ten is sent in several requests to one batch, after all files and URLs were checked.
    TextIn bills every file it accepts. With ``durable`` the task can ask what was accepted, on every Airflow:

    1. The batch number is known before anything is sent: ``batch_number``, or 20 characters made from the DAG
       run, the task, its map index, connection, workspace, options, and name and content of the files (on
       object storage address and checksum or ETag; of a URL the whole URL). If one of them changes, a retry
       uploads into another batch.
    2. A retry, also after a crash or a clear, asks the batch which files it has and sends only the others. In
       a batch with a ``batch_number`` of your own the first try sends without asking.
    3. After a request that may have been accepted, the batch is asked too, and the task continues.
    4. DocFlow lists uploads late: files count as missing when the batch has not grown for 30 seconds.

    Files are recognized by their names, and counted. Files of the same name are sent in separate requests. A
    ``batch_number`` of your own may be shared with tasks that upload files of other names; files of the same
    names would be taken for those of this task. If a batch that was made for this task holds files under
    other names while some are missing, it is unknown which are missing: the task fails without retry.

    Without ``durable``, DocFlow makes the batch number unless it is given, and the task fails without retry
    as soon as any file may have been accepted. If the task fails, the accepted files are pushed as its XCom.

    :param files: local paths or object storage URLs, streamed, at most 100 MB each. (templated)
    :param urls: http(s) addresses from which DocFlow fetches the files, instead of ``files``. (templated)
    :param batch_number: a new or an existing batch, instead of one made for this task. (templated)
    :param durable: whether retries send only what the batch lacks.
    :param category: the category of the files, instead of classifying them. (templated)
    :param target_process: ``"classify"`` to stop after classifying, or ``"extract"``. (templated)
    :param split_flag: whether a file that holds several documents is split. (templated)
    :param crop_flag: whether several receipts on one page are cropped out. (templated)
    :param auto_verify_vat: whether VAT invoices are checked with the tax authority. (templated)
    :param parser_params: a dict, or the text of a JSON object: ``parse_mode``, ``dpi``, ``formula_level``,
        ``apply_merge``, ``crop_dewarp``, ``remove_watermark``, ``table_text_split_mode``. (templated)
    :param pdf_password: password of the PDF files; masked. (templated)
    :param workspace_id: the DocFlow workspace, by default the connection's. (templated)
    :param file_conn_id: Airflow connection for ``files`` on object storage. (templated)
    :param rate_limit_timeout: seconds, or a ``timedelta``, for which each request waits for its turn while
        the account is at its limit; after that the task fails with ``TextInRateLimitError`` and is retried.
    :param textin_conn_id: id of the connection. (templated)
    :return: ``{"batch_number", "files": [{"file_id", "task_id", "name", "format"}]}``, in the order of the
        files.
    :raises TextInServerError: if DocFlow accepts a request and does not list its files. It is retried.
    :raises TextInUncertainSubmitError: if files may have been accepted and nobody can ask. It is not retried.
    """

    template_fields: Sequence[str] = (
        "files",
        "urls",
        "batch_number",
        "category",
        "target_process",
        "split_flag",
        "crop_flag",
        "auto_verify_vat",
        "parser_params",
        "pdf_password",
        "workspace_id",
        "file_conn_id",
        "textin_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"parser_params": "json"}

    def __init__(
        self,
        *,
        files: Sequence[PathValue] | PathValue | None = None,
        urls: Sequence[str] | str | None = None,
        batch_number: str | None = None,
        durable: bool = True,
        category: str | None = None,
        target_process: str | None = None,
        split_flag: bool | None = None,
        crop_flag: bool | None = None,
        auto_verify_vat: bool | None = None,
        parser_params: Mapping[str, Any] | str | None = None,
        pdf_password: str | None = None,
        workspace_id: str | None = None,
        file_conn_id: str | None = None,
        rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT,
        textin_conn_id: str = "textin_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.files = files
        self.urls = urls
        self.batch_number = batch_number
        self.durable = durable
        self.category = category
        self.target_process = target_process
        self.split_flag = split_flag
        self.crop_flag = crop_flag
        self.auto_verify_vat = auto_verify_vat
        self.parser_params = parser_params
        self.pdf_password = pdf_password
        self.workspace_id = workspace_id
        self.file_conn_id = file_conn_id
        self.rate_limit_timeout = as_seconds(rate_limit_timeout)
        self.textin_conn_id = textin_conn_id

    @property
    def pdf_password(self) -> str | None:
        """The password as text."""
        return self._pdf_password

    @pdf_password.setter
    def pdf_password(self, value: str | None) -> None:
        # Native rendering makes a number of digits, and Airflow hides no number among the rendered fields.
        self._pdf_password = str(value) if isinstance(value, int | float) else value

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload the files, or those that an earlier try has not uploaded."""
        accepted: list[DocFlowUpload] = []

        def keep(so_far: DocFlowUpload) -> None:
            accepted[:] = [so_far]

        try:
            upload = self._upload(context, keep)
        except BaseException as error:
            if accepted:
                self._push_accepted(context, accepted[0])
            if not isinstance(error, ApiError) and not self.pdf_password:
                raise
            # Without the frames of the hook: Airflow 3.0 prints their variables, and one holds the password.
            clean = without_secrets(error, [self.pdf_password] if self.pdf_password else [])
        else:
            self.log.info("DocFlow accepted %d files as batch %s.", len(upload.files), upload.batch_number)
            return upload.to_dict()
        raise clean from clean.__cause__

    def _upload(self, context: Context, on_accepted: Callable[[DocFlowUpload], None]) -> DocFlowUpload:
        return self.hook.upload_docflow_files(
            self.files,
            self.urls,
            batch_number=self.batch_number,
            workspace_id=self.workspace_id,
            file_conn_id=self.file_conn_id,
            on_accepted=on_accepted,
            rate_limit_timeout=self.rate_limit_timeout,
            resume=partial(self._plan_batch, context["ti"]) if self.durable else False,
            category=self.category,
            target_process=self.target_process,
            split_flag=self.split_flag,
            crop_flag=self.crop_flag,
            auto_verify_vat=self.auto_verify_vat,
            parser_params=self.parser_params,
            pdf_password=self.pdf_password,
        )

    def _plan_batch(self, ti: Any, sources: Sources, options: Mapping[str, Any]) -> tuple[str | None, Resume]:
        """Return the batch number, and how the upload finds out what the batch has."""
        from textin_provider.hooks.docflow_sources import Resume
        from textin_provider.tasks.upload_batch import made_batch_number

        is_retry = ti.try_number > 1
        # Native rendering makes a number of digits.
        if self.batch_number is not None and str(self.batch_number).strip():
            return self.batch_number, Resume(is_retry, may_have_sent=is_retry, is_exclusive=False)
        number = made_batch_number(
            ti,
            sources,
            options,
            workspace_id=self.hook.workspace(self.workspace_id),
            textin_conn_id=self.textin_conn_id,
        )
        self.log.info("The files of this task are DocFlow batch %s, in every try.", number)
        return number, Resume(True, may_have_sent=is_retry, is_exclusive=True)

    def _push_accepted(self, context: Context, accepted: DocFlowUpload) -> None:
        """Push what was accepted before the task fails; that must not hide why it fails."""
        try:
            self.push_value(context, accepted.to_dict())
        except Exception as error:  # of any class: Airflow's API may be what failed
            self.log.error("The accepted files could not be pushed as XCom: %s", one_line(error))
