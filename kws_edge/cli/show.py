"""`kws-edge show`: what a bundle says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kws_edge.bundle import Bundle


# a list of excluded recordings may hold thousands
_LONGEST_LIST = 100


def show(
    bundle: Annotated[Path, typer.Argument(help="The bundle to look at.", metavar="BUNDLE", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what a bundle holds. Every file is checked against its hash first."""
    from kws_edge.bundle import read_bundle

    description = _describe(read_bundle(bundle))
    if as_json:
        print(json.dumps(description, indent=2, ensure_ascii=False))
        return
    print(f"{description['path']}: a bundle of format {description['format_version']}, every file as it was written\n")
    print("\n".join(_lines(description)))


def _describe(bundle: Bundle) -> dict[str, Any]:
    from kws_edge.bundle import FORMAT_VERSION
    from kws_edge.settings import to_mapping
    from kws_edge.tflite_file import summarize

    model = summarize(bundle.int8_model)
    tables = ("features", "corpus", "augmentation", "model", "training", "detection", "provenance")
    return {
        "path": str(bundle.path),
        "format_version": FORMAT_VERSION,
        "labels": list(bundle.labels),
        "quantization_aware": bundle.quantization_aware,
        "spec_sha256": bundle.features.sha256(),
        "input": {**to_mapping(model.input)},
        "output": {**to_mapping(model.output)},
        "operators": list(model.operators),
        "files": {name: {"bytes": len(data), "sha256": bundle.sha256(name)} for name, data in bundle.files.items()},
        "metrics": dict(bundle.metrics),
        **{name: to_mapping(getattr(bundle, name)) for name in tables},
    }


def _lines(description: dict[str, Any]) -> list[str]:
    """What belongs to no table, then the tables; numbers, booleans and inner lists as TOML has them."""
    known = ("path", "format_version")
    lines = [
        f"{name:24} {_text(value)}"
        for name, value in description.items()
        if not isinstance(value, dict) and name not in known
    ]
    for name, table in description.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{key:24} {_file(item) if name == 'files' else _text(item)}" for key, item in table.items()]
    return lines


def _file(entry: dict[str, Any]) -> str:
    return f"{entry['bytes']:,} bytes, sha256 {entry['sha256']}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_nested(item)}" for key, item in value.items())
    if isinstance(value, list):
        more = [f"... {len(value)} in all, which --json lists"] if len(value) > _LONGEST_LIST else []
        return ", ".join([*map(_nested, value[:_LONGEST_LIST]), *more])
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return f"{{{_text(value)}}}" if isinstance(value, dict) else _text(value)
