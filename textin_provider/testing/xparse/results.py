"""Results of jobs: the parsed document with the pages, exports and images of its script and config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents import parse
from textin_provider.testing.responses import FileBody, encode_json
from textin_provider.testing.xparse.exports import ExportFiles
from textin_provider.testing.xparse.images import ImageLinks
from textin_provider.testing.xparse.submit_request import effective_config

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.testing.routing import Route
    from textin_provider.testing.uploads import Upload
    from textin_provider.testing.xparse.jobs import Job


class ResultWriter:
    """Writes results into the directory ``spool``; ``base_url`` is the base of their links."""

    def __init__(self, spool: Path, base_url: str) -> None:
        self._spool = spool
        self._exports = ExportFiles(spool)
        self._images = ImageLinks(base_url)

    def routes(self) -> list[Route]:
        """Return the routes of the files to which results refer."""
        return [self._exports.route(), self._images.route()]

    def write(self, job: Job, upload: Upload) -> FileBody:
        """
        Parse a document and return its result; blocking.

        :raises Refusal: if TextIn does not accept the document.
        :raises UnreadableError: if only TextIn itself can read the document.
        """
        script = job.script
        config = _config(job)
        result = parse(
            upload,
            config,
            job_id=job.job_id,
            file_id=job.file_id,
            source_url=job.file_url,
            page_count=script.page_count,
            failed_pages=script.failed_pages,
        )
        self._images.add_to(result, config, script.image_lifetime)
        if config.get("exports"):
            result["exports"] = self._exports.entries(result, config, script)
        path = self._spool / f"{job.job_id}.json"
        path.write_bytes(encode_json(result))
        return FileBody(path)


def _config(job: Job) -> dict[str, Any]:
    config = effective_config(job.config)
    if job.script.list_pages:
        config["capabilities"] = {**config.get("capabilities", {}), "pages": True}
    return config
