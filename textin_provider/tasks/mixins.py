"""Mixins for the operators and sensors of this provider."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import textin_provider.exceptions  # noqa: F401  # errors become public exceptions by being registered
from textin_provider.api.errors import ApiError
from textin_provider.api.inputs import is_object_path
from textin_provider.api.text import one_line, redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.api.docflow import Selector
    from textin_provider.api.xparse.on_partial import OnPartial
    from textin_provider.hooks.paths import PathValue
    from textin_provider.hooks.stored_result import ResultOf, StoredResult
    from textin_provider.hooks.textin import TextInHook
    from textin_provider.polling.decision import Decision
    from textin_provider.tasks.job_store import StateStore


class TextInTaskMixin:
    """
    Gives a task its hook, and a way to push its value before it fails.

    The hook is imported and made at first use: parsing a DAG needs none, and its connection id is a template.
    """

    textin_conn_id: str
    do_xcom_push: bool
    outlets: list[Any]
    log: Any

    @cached_property
    def hook(self) -> TextInHook:
        """The hook of the connection ``textin_conn_id``."""
        from textin_provider.hooks.textin import TextInHook

        return TextInHook(self.textin_conn_id)

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render a template; a path stays a path, with its text rendered."""
        path = os.fspath(content) if isinstance(content, os.PathLike) and not is_object_path(content) else ""
        if not path or not isinstance(path, str):
            return super().render_template(content, *args, **kwargs)  # type: ignore[misc]
        # Airflow before 3.2 would call its method resolve(), as if it were the output of a task.
        if "{{" not in path and "{%" not in path:
            return content
        return type(content)(str(super().render_template(path, *args, **kwargs)))  # type: ignore[misc]

    def push_value(self, context: Context, value: Any) -> None:
        """Push the return value of a task that is about to fail: a task that raises returns nothing."""
        if self.do_xcom_push:
            # Airflow's own constant for the key takes long to import.
            context["ti"].xcom_push(key="return_value", value=value)

    def log_decision(self, decision: Decision) -> None:
        """Log the message of a decision about a wait."""
        self.log.log(decision.level, "%s", decision.message)

    def describe_outlets(self, context: Context, manifest: Mapping[str, Any]) -> None:
        """Add the manifest of the stored results to the event of each asset among the outlets."""
        from airflow.providers.common.compat.sdk import Asset

        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                try:
                    context["outlet_events"][outlet].extra.update(manifest)
                except Exception as error:  # of any class: an event must not lose a result that is paid for
                    self.log.warning("The event of %r has no manifest: %s", outlet, error)


class XParseResultMixin(TextInTaskMixin):
    """Gives a task what is done with stored results."""

    on_partial: OnPartial

    def check_result(self, context: Context, stored: StoredResult) -> None:
        """Do what ``on_partial`` says of a partial result; its manifest is pushed if the task fails."""
        try:
            stored.check(self.on_partial, self.log.warning)
        except ApiError:
            self.push_manifests(context, stored.manifest)
            raise

    def push_manifests(self, context: Context, value: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Push the manifests of stored results as the return value of a task that fails."""
        try:
            self.push_value(context, value)
        except Exception as error:  # of any class: it must not hide why the task fails
            self.log.error("The manifests of the stored results could not be pushed: %s", one_line(error))


class XParseSubmitMixin(TextInTaskMixin):
    """Gives a task the arguments of an xParse submit; see :mod:`textin_provider.tasks.submission`."""

    file: PathValue | None
    file_url: str | None
    config: Mapping[str, Any] | str | None
    webhook: str | None
    file_conn_id: str | None
    durable: bool
    retries: int | None
    resubmit_uncertain: bool
    rate_limit_timeout: float

    def state_store(self, context: Context) -> StateStore | None:
        """Return where Airflow keeps the state of the task, None without such a place or ``durable``."""
        return context.get("task_state_store") if self.durable else None

    def warn_of_retries(self, context: Context) -> None:
        """Warn if a retry would pay again."""
        if self.durable and self.retries and self.state_store(context) is None:
            self.log.warning(
                "This Airflow has no task state store (3.3+ has one), so durable has no effect: each of "
                "the %s retries would submit the document again, and TextIn would bill it again.",
                self.retries,
            )

    def submitted_document(self) -> ResultOf:
        """Return what is known of the document that the task submits."""
        from textin_provider.api.xparse.endpoints import chooses_pages
        from textin_provider.hooks.paths import path_text
        from textin_provider.hooks.stored_result import ResultOf

        source = str(self.file_url) if self.file is None else path_text(self.file)
        return ResultOf(one_line(redact_url(source)), chooses_pages(self.config))

    def named_output(self, output_path: PathValue, job_id: str) -> PathValue:
        """Return an ``output_path`` with its placeholders filled in."""
        from textin_provider.hooks.output_names import named

        return named(output_path, job_id, self.file_url if self.file is None else self.file)

    def _do_render_template_fields(self, parent: Any, *arguments: Any, **named: Any) -> None:
        """Render the fields, then mask the passwords of the configuration before Airflow shows it."""
        super()._do_render_template_fields(parent, *arguments, **named)  # type: ignore[misc]
        if parent is self:
            from textin_provider.hooks.xparse import mask_passwords

            mask_passwords(self.config)


class DocFlowTaskMixin(TextInTaskMixin):
    """Adds the selector of a task's DocFlow files."""

    batch_number: str | None
    file_id: str | None
    docflow_task_id: str | None

    @property
    def selector(self) -> Selector:
        """The only selector that is given; none or several are an error."""
        from textin_provider.api.docflow.models import Selector

        return Selector.of(batch_number=self.batch_number, file_id=self.file_id, task_id=self.docflow_task_id)
