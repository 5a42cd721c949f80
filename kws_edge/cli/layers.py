"""`kws-edge layers`: what each layer costs, where interpreters part, what quantization takes."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws_edge.cli.dependent_options import check_dependent
from kws_edge.errors import DependencyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kws_edge.bundle import Bundle
    from kws_edge.verification.layers import LayerCosts


def layers(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="The bundle to look into.", metavar="BUNDLE", show_default=False)],
    core: Annotated[str, typer.Option(help="Emulated core that instructions are counted on.")] = "cortex-m4",
    parity: Annotated[bool, typer.Option("--parity", help="Compare every interpreter after every layer.")] = False,
    quantization: Annotated[
        bool, typer.Option("--quantization", help="Noise, saturation and range used of every layer.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Recordings for these two; else KWS_EDGE_DATA, else synthesized speech."),
    ] = None,
    clips: Annotated[int, typer.Option(min=1, help="How many clips of the testing split, evenly chosen.")] = 32,
    plot: Annotated[Path | None, typer.Option(help="Folder for memory.png and time.png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Look into a bundle layer by layer: memory, multiplications, instructions; parity; quantization."""
    from firmware_export.targets.qemu.boards import board_of
    from kws_edge.bundle import read_bundle
    from kws_edge.files import check_folder_output
    from kws_edge.reports.layers import cost_table, latency_table, layer_parity_table, quantization_table
    from kws_edge.verification.latency import measure_latencies
    from kws_edge.verification.layer_parity import measure_layer_parity
    from kws_edge.verification.layers import measure_layers
    from kws_edge.verification.quantization import measure_quantization

    check_dependent(context, "parity", "quantization", of=("data", "clips"))
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise DependencyError("--plot needs matplotlib: pip install 'kws-edge[train]'")
    if plot is not None:
        check_folder_output(plot)
    board_of(core)
    # TensorFlow's start-up notices are no news of this bundle
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    source = read_bundle(bundle)
    print(f"counting on {core}", file=sys.stderr)
    costs = measure_layers(source, core=core)
    latencies = measure_latencies(source)
    report: dict[str, Any] = {"costs": costs.to_json(), "latency": [each.to_json() for each in latencies]}
    texts = [cost_table(costs), latency_table(latencies)]
    if parity or quantization:
        features = _some_features(source, data, clips)
        if parity:
            print("comparing interpreters", file=sys.stderr)
            compared = measure_layer_parity(source, features)
            report["parity"] = compared.to_json()
            texts.append(layer_parity_table(compared))
        if quantization:
            noise = measure_quantization(source, features)
            report["quantization"] = noise.to_json()
            texts.append(quantization_table(noise))
    if plot is not None:
        _write_plots(plot, costs, source.name)
    print(json.dumps(report, indent=2) if as_json else "\n\n".join(texts))


def _some_features(bundle: Bundle, data: Path | None, count: int) -> NDArray[np.int8]:
    from kws_edge.cli.recordings import corpus_of_bundle
    from kws_edge.frontend import features
    from kws_edge.verification.labelled_clips import chosen_clips

    return features(chosen_clips(corpus_of_bundle(bundle, data), "test", count).clips, bundle.features)


def _write_plots(folder: Path, costs: LayerCosts, title: str) -> None:
    from kws_edge.files import write_file
    from kws_edge.reports.layer_plots import memory_png, time_png

    write_file(folder / "memory.png", memory_png(costs, f"{title}: memory over its layers"))
    write_file(folder / "time.png", time_png(costs, f"{title}: where the time goes"))
