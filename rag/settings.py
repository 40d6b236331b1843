"""Where data is and what is allowed, from the environment (`RAG_*`) or a `.env` file, else these defaults.

The table of settings in the README is generated from the fields here.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one workbench. Every field can be given as `RAG_<FIELD>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="RAG_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(default=Path("data/workbench"), description="Folder of the catalog and the index")
    default_collection: str = Field(default="main", description="Collection used when none is named")
    upload_limit_bytes: int = Field(default=50 * 1024 * 1024, ge=1, description="Largest file that is accepted")
    page_limit: int = Field(default=5000, ge=1, description="Most pages of one document")
    text_limit_characters: int = Field(default=20_000_000, ge=1, description="Most characters of one document")
    read_timeout_s: float = Field(default=60.0, gt=0, description="Seconds a file's reader is given")
    read_memory_bytes: int = Field(default=2 * 1024**3, ge=1, description="Address space a file's reader is given")
    question_limit_characters: int = Field(default=10_000, ge=1, description="Longest question")
    embed_workers: int = Field(default=2, ge=1, le=64, description="Threads that embed at the same time")
