"""`rag provider add | list | test | remove`: the models of other people's servers, without a page.

A key is never given on the command line, where the shell's history and the process list would show it: `--key-env` names the variable
that holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import rag
from rag import RagError
from rag.cli.show import print_json
from rag.errors import StoreInUseError

if TYPE_CHECKING:
    from rag.providers.config import ProviderConfig
    from rag.providers.gateway import Gateway
    from rag.providers.trial import Trial

F = TypeVar("F", bound=Callable[..., Any])
KINDS = (
    "openai",
    "anthropic",
    "deepseek",
    "cloudflare",
    "ollama",
    "vllm",
    "llamacpp",
    "lmstudio",
    "openai-compatible",
    "anthropic-compatible",
)

_COUNT = click.IntRange(1)


def _options(command: F) -> F:
    command = click.option(
        "--data", type=click.Path(path_type=Path), help="Data folder; else RAG_DATA_DIR, else data/workbench."
    )(command)
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")(command)


@contextmanager
def _gateway(data: Path | None, *, writes: bool) -> Iterator[Gateway]:
    """Open the folder, read-only beside the process that owns it when nothing is to be written."""
    try:
        bench = rag.open_workbench(data)
    except StoreInUseError:
        if writes:
            raise
        bench = rag.open_workbench(data, read_only=True)
    with bench:
        yield bench.gateway


@click.group()
def provider() -> None:
    """Set up the providers of chat and embedding models."""


@provider.command()
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(KINDS), default="openai", show_default=True, help="What it speaks, or who it is."
)
@click.option("--base-url", metavar="URL", default="", help="Address of its API; the vendor's own when not given.")
@click.option("--key-env", metavar="VARIABLE", default="", help="Environment variable that holds its key.")
@click.option(
    "--model", "models", multiple=True, metavar="M", help="Chat model on offer; repeatable, the default first."
)
@click.option(
    "--embedding-model", "embedding", multiple=True, metavar="M", help="Embedding model on offer; repeatable."
)
@click.option("--rpm", type=_COUNT, help="Requests a minute, at most; no limit when not given.")
@click.option("--tpm", type=_COUNT, help="Tokens a minute, at most; no limit when not given.")
@click.option("--user-rpm", type=_COUNT, help="Requests a minute of each visitor of the pages, at most.")
@click.option("--user-tpm", type=_COUNT, help="Tokens a minute of each visitor of the pages, at most.")
@_options
def add(
    name: str,
    kind: str,
    base_url: str,
    key_env: str,
    models: tuple[str, ...],
    embedding: tuple[str, ...],
    rpm: int | None,
    tpm: int | None,
    user_rpm: int | None,
    user_tpm: int | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Add the provider NAME, whose models are then called NAME/MODEL. Makes no call; see `rag provider test`."""
    with _gateway(data, writes=True) as gateway:
        config = gateway.configure(
            name, kind, base_url=base_url, key_env=key_env, models=models, embedding_models=dict.fromkeys(embedding, 0),
            limits={"requests_per_minute": rpm, "tokens_per_minute": tpm},
            per_user={"requests_per_minute": user_rpm, "tokens_per_minute": user_tpm, "concurrent": None} if user_rpm or user_tpm else None,
        )  # fmt: skip
        gateway.book.add(config)
        problem = gateway.problem(config)
        row = _row(gateway, config)
    if problem:
        click.echo(f"rag: {problem}", err=True)
    print_json(row) if as_json else click.echo(f"Added {config.name}: {config.url}")


@provider.command("list")
@_options
def list_(data: Path | None, as_json: bool) -> None:
    """Show the providers with their models, prices and what is missing."""
    with _gateway(data, writes=False) as gateway:
        rows = [_row(gateway, config) for config in gateway.book.all()]
        fallbacks = list(gateway.book.fallbacks)
    if as_json:
        print_json({"providers": rows, "fallbacks": fallbacks})
        return
    for row in rows:
        click.echo(f"{row['name']:16} {row['kind']:10} {row['base_url']}  {row['problem'] or 'ready'}")
        if row["held_to"]:
            click.echo(f"    {row['held_to']}")
        for model in row["models"]:
            window = f"{model['context_window']:,} tokens" if model["context_window"] else "window unknown"
            click.echo(f"    {model['name']:40} {window:18} {model['price'] or 'price unknown'}")
    if fallbacks:
        click.echo(f"After a failure: {', then '.join(fallbacks)}")
    if not rows:
        click.echo(
            "No provider is set up; answers are extracts, made on this machine. Add one with `rag provider add`."
        )


@provider.command()
@click.argument("name")
@click.option("--model", metavar="M", default="", help="Try this model alone; the default ones when not given.")
@_options
def test(name: str, model: str, data: Path | None, as_json: bool) -> None:
    """Make one small real call to a chat and to an embedding model of the provider NAME; say what they cost, before and after."""
    with _gateway(data, writes=False) as gateway:
        config = gateway.book.get(name)
        click.echo(gateway.before_trying(config, model=model), err=True)
        trial = gateway.try_out(config, model=model)
    if as_json:
        print_json(_trial_json(trial))
    elif trial.ok:
        click.echo(trial.sentence)
    if not trial.ok:
        raise RagError(trial.sentence)


def _trial_json(trial: Trial) -> dict[str, Any]:
    """Return a test as JSON: what was tried one by one, and together; a cost of null is unknown."""
    tried = [
        {
            **{key: getattr(each, key) for key in ("model", "ok", "sentence", "duration_ms", "dimension")},
            "embedding": each.is_embedding,
            "cost_usd": each.paid.cost_usd,
            "estimated_cost_usd": each.paid.estimated_usd,
        }
        for each in trial.tried
    ]
    return {
        "ok": trial.ok,
        "sentence": trial.sentence,
        "cost_usd": trial.paid.cost_usd,
        "estimated_cost_usd": trial.paid.estimated_usd,
        "tried": tried,
        "models": [model.id for model in trial.models],
    }


@provider.command()
@click.argument("name")
@_options
def remove(name: str, data: Path | None, as_json: bool) -> None:
    """Forget the provider NAME and its key."""
    with _gateway(data, writes=True) as gateway:
        gateway.book.remove(name)
    print_json({"removed": name}) if as_json else click.echo(f"Removed {name}.")


def _row(gateway: Gateway, config: ProviderConfig) -> dict[str, Any]:
    """Return a provider as JSON. It has no key; `key` says where one is from and its last four characters."""
    return {
        "name": config.name,
        "kind": config.kind,
        "base_url": config.url,
        "key_env": config.key_env,
        "key": gateway.key_hint(config),
        "active": config.is_active,
        "problem": gateway.problem(config),
        "limits": asdict(config.limits),
        "per_user": asdict(config.per_user) if config.per_user else None,
        "held_to": config.held_to,
        "models": [
            {
                "name": card.name,
                "embedding": card.is_embedding,
                "default": card.is_default,
                "context_window": card.context_window,
                "price": str(card.price) if card.price else None,
                "retires": card.retires,
            }
            for card in gateway.cards(config)
        ],
    }
