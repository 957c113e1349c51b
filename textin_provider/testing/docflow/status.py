"""
The numbers DocFlow speaks in, taken from its documents.

They are not shared with the client, whose own table is tested against this server.
"""

from __future__ import annotations

PENDING = 0
SUCCESS = 1
FAILED = 2
CLASSIFYING = 3
EXTRACTING = 4
PREPARING = 5
SPLITTING = 6
CROPPING = 7
CLASSIFIED = 10
PARSING = 20

# In these the documents within a file are not known yet.
BEFORE_PARTS = frozenset({PENDING, PREPARING, PARSING, SPLITTING, CROPPING})
# In these nobody knows yet what category a file has.
BEFORE_CATEGORY = BEFORE_PARTS | {CLASSIFYING}
MOVING = BEFORE_CATEGORY | {EXTRACTING}

SPLIT_CHILD = 0
REGULAR = 1
PARENT = 2
CROPPED_CHILD = 3

UNSUPPORTED = "文件格式不支持"
