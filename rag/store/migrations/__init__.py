"""Steps from one schema of the catalog to the next; `upgrade` runs those that a catalog has not seen yet.

A step is never changed once it was released: a new one follows it, and `schema.HEAD` names the last.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent
VERSION_FOLDERS = [_FOLDER / "versions"]


def upgrade(connection: Connection) -> None:
    """Bring the schema behind `connection` to the newest, within its transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def known() -> frozenset[str]:
    """Return the names of all steps."""
    from alembic.script import ScriptDirectory

    return frozenset(step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    for key, value in (("script_location", _FOLDER), ("version_locations", os.pathsep.join(map(str, VERSION_FOLDERS)))):
        config.set_main_option(key, str(value).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
