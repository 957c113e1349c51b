"""The batch number of an upload, made before anything is sent: every try of the task asks the same batch."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from textin_provider.api.docflow.options import PASSWORD_OPTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.hooks.docflow_sources import Sources

#: As many characters as DocFlow's own batch numbers have.
_LENGTH = 20
#: A password is easier to guess than a document, and a batch number is no secret.
_PASSWORD_ROUNDS = 100_000


def made_batch_number(
    ti: Any, sources: Sources, options: Mapping[str, Any], *, workspace_id: str, textin_conn_id: str
) -> str:
    """
    Return a batch number of 20 lower-case letters and digits for what a task instance uploads.

    It is the same in every try, and another one if the content of a file, a URL or an option has changed. The
    order of the sources does not count.

    :param options: from :func:`textin_provider.api.docflow.upload_options`.
    """
    plain = {name: value for name, value in options.items() if name != PASSWORD_OPTION}
    identity = {
        "task": [ti.dag_id, ti.run_id, ti.task_id, ti.map_index],
        "account": [textin_conn_id, workspace_id],
        "sources": sorted(json.dumps(source, sort_keys=True) for source in sources.identities()),
        "options": {name: value for name, value in plain.items() if value is not None},
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).digest()
    if password := options[PASSWORD_OPTION]:
        secret = password.encode(errors="surrogatepass")
        digest = hashlib.pbkdf2_hmac("sha256", secret, digest, _PASSWORD_ROUNDS)
    return base64.b32encode(digest)[:_LENGTH].decode().lower()
