"""Reading a batch that grows while its pages are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textin_provider.api.docflow.models import Selector
from textin_provider.testing import FileScript, TextInServer

if TYPE_CHECKING:
    from textin_provider.hooks.textin import TextInHook

#: One more file is listed from the second page of each walk on.
WALKS = 3


def test_a_batch_that_grows_during_each_walk_is_read_whole(hook: TextInHook, textin: TextInServer) -> None:
    late = [FileScript(status=1, visible_after_fetches=1 + 2 * walk) for walk in range(WALKS)]
    batch = textin.add_batch(files=[FileScript(status=1)] * 5 + late)

    pages = hook.iter_docflow_files(Selector("batch_number", batch), page_size=4)
    read = [file.file_id for page in pages for file in page]

    assert sorted(read) == sorted(textin.files)
    assert textin.count("fetch") == 2 * WALKS
