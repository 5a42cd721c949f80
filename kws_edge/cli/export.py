"""`kws-edge export`: bundle to C sources."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from kws_edge.errors import ExportError


def export(
    bundle: Annotated[Path, typer.Argument(help="The bundle to export.", metavar="BUNDLE", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)],
    c_header: Annotated[bool, typer.Option("--c-header", help="Write kws_model.h and kws_model.c.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export, whole.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Turn a bundle into C sources for firmware."""
    from firmware_export.codegen.firmware_model import ArenaNeed, FirmwareModel
    from firmware_export.codegen.folder import check_replaceable, write_export
    from firmware_export.codegen.header import render_header
    from kws_edge.bundle import read_bundle
    from kws_edge.runtime import available_interpreters
    from kws_edge.verification.memory import measure_memory

    if not c_header:
        raise ExportError("nothing to export was named; add --c-header")
    check_replaceable(output, force=force)
    source = read_bundle(bundle)
    arena = None
    absence = available_interpreters()["tflm"]
    if absence is None:
        memory = measure_memory(source.int8_model)
        arena = ArenaNeed(memory.measured_bytes, memory.margin_bytes)
    else:
        print(f"kws-edge: the arena was not measured: {absence}", file=sys.stderr)
    model = FirmwareModel.from_bundle(source, arena)
    files = render_header(model)
    write_export(output, files, force=force)

    if as_json:
        report = {
            "folder": str(output),
            "files": sorted(files),
            "model_bytes": len(model.model),
            "model_sha256": model.model_sha256,
            "spec_sha256": model.features.sha256(),
            "arena_measured_bytes": arena.measured_bytes if arena else None,
            "arena_bytes": arena.total_bytes if arena else None,
        }
        print(json.dumps(report, indent=2))
        return
    print(f"{output}: {', '.join(sorted(files))}; model {len(model.model):,} bytes")
    if arena:
        print(f"arena {arena.total_bytes:,} bytes: {arena.measured_bytes:,} measured, {arena.margin_bytes:,} of margin")
