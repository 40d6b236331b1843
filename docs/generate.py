"""Write the parts of the documents that the code knows best: `make docs`.

Between a pair of marks, `<!-- made: NAME -->` and `<!-- end -->`, stands what the function of that name returns. A test compares,
so that a new setting or option cannot be forgotten here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from rag.cli import cli
from rag.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "cli.md")
_MARKED = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings() -> str:
    """Return the table of settings, one row a field."""
    rows = [
        f"| `RAG_{name.upper()}` | `{field.default}` | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows, ""])


def commands() -> str:
    """Return the help of every command, those of groups as well, as `--help` prints it."""
    program = click.Context(cli, info_name="rag", terminal_width=100, **cli.context_settings)
    return "\n".join(_sections(program, cli))


def _sections(above: click.Context, group: click.Group) -> Iterator[str]:
    for name, command in group.commands.items():
        context = click.Context(command, info_name=name, parent=above, help_option_names=above.help_option_names)
        yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            yield from _sections(context, command)


def command_list() -> str:
    """Return one line a command."""
    rows = [f"| `rag {name}` | {command.get_short_help_str(120)} |" for name, command in cli.commands.items()]
    return "\n".join(["| Command | What it does |", "|---|---|", *rows, ""])


MADE: dict[str, Callable[[], str]] = {"settings": settings, "commands": commands, "command_list": command_list}


def renewed(text: str) -> str:
    """Return the document with every marked part made anew."""
    return _MARKED.sub(lambda part: f"{part[1]}{MADE[part[2]]()}{part[3]}", text)


def main() -> None:
    for path in DOCUMENTS:
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
