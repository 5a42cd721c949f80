"""`kws-edge export`: a bundle, or anybody's int8 model, to C sources and firmware projects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kws_edge.errors import ExportError


def export(
    source: Annotated[
        Path,
        typer.Argument(help="The bundle to export, or an int8 .tflite file.", metavar="BUNDLE", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)],
    engine: Annotated[
        str | None,
        typer.Option(
            help="Firmware on this engine: aot (the network as C calls) or tflm (TensorFlow Lite Micro's interpreter).",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Layout of the firmware: arduino, esp-idf, generic, generic-tflm, platformio or zephyr.",
            show_default="generic, generic-tflm for engine tflm",
        ),
    ] = None,
    c_header: Annotated[bool, typer.Option("--c-header", help="Only the model: kws_model.h and kws_model.c.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export, whole.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Turn a bundle into C sources or a firmware project; turn an int8 .tflite file into C."""
    from firmware_export.codegen.folder import check_replaceable, write_export

    if c_header == (engine is not None or target is not None):
        raise ExportError("say what to export: --engine aot, --engine tflm and perhaps --target, or --c-header alone")
    check_replaceable(output, force=force)
    if c_header:
        files, report = _c_header(source)
    elif source.is_file():
        files, report = _network(source, engine or "aot", target)
    else:
        files, report = _firmware(source, engine, target)
    write_export(output, files, force=force)
    if as_json:
        print(json.dumps({"folder": str(output), "files": sorted(files), **report}, indent=2))
        return
    shown = ", ".join(sorted(files)) if c_header else f"{_description(report['target'])}, {len(files)} files"
    print(f"{output}: {shown}; model {report['model_bytes']:,} bytes")
    if report["arena_measured_bytes"] is not None:
        rest = report["arena_bytes"] - report["arena_measured_bytes"]
        more = "of margin" if c_header else "for the interpreter and of margin"
        print(f"arena {report['arena_bytes']:,} bytes: {report['arena_measured_bytes']:,} measured, {rest:,} {more}")
    elif report["arena_bytes"] is not None:
        print(f"arena {report['arena_bytes']:,} bytes")
    if "README.md" in files:
        print(f"{output / 'README.md'} says how to build it and how to try it")


def _description(target: str) -> str:
    from firmware_export.targets.registry import targets

    return targets()[target].description


def _c_header(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    if path.is_file():
        raise ExportError(f"{path}: --c-header takes a bundle; a .tflite file goes with --engine aot")
    from firmware_export.codegen.firmware_model import FirmwareModel
    from firmware_export.codegen.header import render_header
    from kws_edge.bundle import read_bundle
    from kws_edge.cli.firmware import measured_arena

    bundle = read_bundle(path)
    arena = measured_arena(bundle)
    model = FirmwareModel.from_bundle(bundle, arena)
    return render_header(model), {
        "model_bytes": len(model.model),
        "model_sha256": model.model_sha256,
        "spec_sha256": model.features.sha256(),
        "arena_measured_bytes": arena.measured_bytes if arena else None,
        "arena_bytes": arena.total_bytes if arena else None,
    }


def _firmware(path: Path, engine: str | None, target: str | None) -> tuple[dict[str, str], dict[str, Any]]:
    from firmware_export.targets.registry import engine_and_target
    from kws_edge.bundle import read_bundle
    from kws_edge.cli.firmware import firmware_of

    chosen, layout = engine_and_target(engine, target)
    firmware = firmware_of(read_bundle(path), chosen)
    arena = firmware.model.arena
    return layout.files(firmware), {
        "engine": chosen,
        "target": layout.name,
        "model_bytes": len(firmware.model.model),
        "model_sha256": firmware.model.model_sha256,
        "spec_sha256": firmware.model.features.sha256(),
        "arena_measured_bytes": arena.measured_bytes if arena else None,
        # what the caller gives: KWS_SPOTTER_ARENA_BYTES, as the folder's own README has it
        "arena_bytes": firmware.arena_bytes + firmware.arena_alignment,
    }


def _network(path: Path, engine: str, target: str | None) -> tuple[dict[str, str], dict[str, Any]]:
    import hashlib

    from firmware_export.codegen.operands import TFLM_INSTEAD
    from firmware_export.targets.generic.network import network_files
    from kws_edge.runtime.oracle import open_oracle

    if engine != "aot" or target not in (None, "generic"):
        raise ExportError(f"{path} is a model without a front end: export it with --engine aot and no --target")
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from error
    # the file is checked before an interpreter sees it
    try:
        files = network_files(model, name=path.name, inference=lambda inputs: open_oracle(model).run(inputs))
    except ExportError as error:
        # --engine tflm takes bundles alone, so it is no way out for a file
        way_out = "no other engine here takes a file without a bundle; TensorFlow Lite Micro itself may run it"
        raise ExportError(str(error).replace(TFLM_INSTEAD, way_out)) from error
    return files, {
        "engine": engine,
        "target": "generic",
        "model_bytes": len(model),
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "spec_sha256": None,
        "arena_measured_bytes": None,
        "arena_bytes": None,
    }
