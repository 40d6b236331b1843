"""Steps from one schema of the catalog to the next; `upgrade` runs those that a catalog has not seen yet.

A step is never changed once it was released: a new one follows it, and `schema.HEAD` names the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent


def upgrade(connection: Connection, *, versions: Sequence[Path] = (_FOLDER / "versions",)) -> None:
    """Bring the schema behind `connection` to the newest, within its transaction."""
    from alembic import command

    config = _config(versions)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def known(*, versions: Sequence[Path] = (_FOLDER / "versions",)) -> frozenset[str]:
    """Return the names of all steps."""
    from alembic.script import ScriptDirectory

    return frozenset(step.revision for step in ScriptDirectory.from_config(_config(versions)).walk_revisions())


def _config(versions: Sequence[Path]) -> Config:
    from alembic.config import Config

    config = Config()
    for key, value in (("script_location", _FOLDER), ("version_locations", ":".join(map(str, versions)))):
        config.set_main_option(key, str(value).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
