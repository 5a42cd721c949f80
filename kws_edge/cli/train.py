"""`kws-edge train`: recordings to bundle."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws_edge.cli.dependent_options import check_dependent
from kws_edge.errors import BundleError, DependencyError, SettingsError
from kws_edge.native_notices import without_native_notices
from kws_edge.spec import KEYWORDS, FeatureSpec, ModelSettings, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kws_edge.training.phase import EpochReport
    from kws_edge.training.request import TrainingRequest


def train(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write.", show_default=False)],
    data: Annotated[
        Path | None, typer.Option(help="Folder of recordings; default KWS_EDGE_DATA, else synthesized speech.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML with tables [features] [corpus] [augmentation] [training] [model] [detection]."),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(help="Network family, or path/to/file.py:function.", show_default=str(ModelSettings.arch)),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Network and front end together, as `kws-edge models` lists them.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Setting of the family; may be repeated. An unknown name lists them.", metavar="NAME=VALUE"),
    ] = None,
    qat: Annotated[bool, typer.Option("--qat", help="Quantization-aware training after the float phase.")] = False,
    keywords: Annotated[
        str | None, typer.Option(help="Words to spot, separated by commas.", show_default=",".join(KEYWORDS))
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of the float phase.", show_default=str(TrainingSettings.epochs))
    ] = None,
    qat_epochs: Annotated[
        int | None,
        typer.Option(help="Epochs of quantization-aware training.", show_default=str(TrainingSettings.qat_epochs)),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Clips per step.", show_default=str(TrainingSettings.batch_size))
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak learning rate of the float phase.", show_default=str(TrainingSettings.learning_rate)),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of everything random.", show_default=str(TrainingSettings.seed))
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="Bundle to learn from beside the labels; several make an ensemble.")
    ] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="List of recordings to leave out, as `data check --write` writes it.")
    ] = None,
    trim: Annotated[
        bool | None, typer.Option("--trim", help="Cut the silence around the speech of training clips.")
    ] = None,
    synth_share: Annotated[
        float | None,
        typer.Option(
            help="Synthesized clips added for each recorded one, scarce words first.",
            show_default=str(TrainingSettings.synth_share),
        ),
    ] = None,
    sample_rate: Annotated[
        int | None,
        typer.Option(help="Hz; 8000 is what everything is tuned for.", show_default=str(FeatureSpec.sample_rate_hz)),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted training of OUTPUT.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Throw the interrupted training of OUTPUT away.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the bundle OUTPUT.")] = False,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard scalars.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a keyword spotter and write it as a bundle."""
    check_dependent(context, "qat", of=("qat_epochs",))
    from kws_edge.corpus.exclusion import read_exclusions
    from kws_edge.files import check_folder_output

    flags: dict[str, dict[str, Any]] = {
        "features": {"sample_rate_hz": sample_rate},
        "corpus": {
            "keywords": _words(keywords),
            "exclude": list(read_exclusions(exclude)) if exclude else None,
            "trim": trim,
        },
        "training": {
            "epochs": epochs,
            "qat_epochs": qat_epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "synth_share": synth_share,
            "seed": seed,
        },
        "model": {"arch": arch, "options": dict(map(_option, option)) if option else None},
    }
    needed = [("tensorflow", "train"), ("matplotlib", "train")]
    if tensorboard is not None:
        needed.append(("tensorboard", "tensorboard"))
        check_folder_output(tensorboard)
    for module, extra in needed:
        if importlib.util.find_spec(module) is None:
            raise DependencyError(f"train needs {module}: pip install 'kws-edge[{extra}]'")
    request = _request(config, preset, flags, qat, tuple(teacher or ()))
    _check_output(output, resume=resume, restart=restart, force=force)
    _train(output, data, request, resume=resume, tensorboard=tensorboard, as_json=as_json)


def _train(
    output: Path,
    data: Path | None,
    request: TrainingRequest,
    *,
    resume: bool,
    tensorboard: Path | None,
    as_json: bool,
) -> None:
    from kws_edge.cli.recordings import open_corpus
    from kws_edge.cli.training_display import TrainingDisplay

    corpus = open_corpus(data, request.corpus, request.features)

    # TensorFlow says on import what it lacks (a GPU); nobody who trains 20,000 parameters misses it
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_native_notices():
        from kws_edge.training.pipeline import train as train_bundle

    with resumable(output), TrainingDisplay() as display:
        reporters: list[Callable[[EpochReport], None]] = [display]
        if tensorboard is not None:
            from kws_edge.training.tensorboard import tensorboard_reporter

            reporters.append(tensorboard_reporter(tensorboard))

        def report(progress: EpochReport) -> None:
            for reporter in reporters:
                reporter(progress)

        bundle = train_bundle(
            corpus,
            request,
            output,
            resume=resume,
            report=report,
            say=display.say,
        )
    summary = {"bundle": str(output), "int8_bytes": len(bundle.int8_model), **bundle.metrics}
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    accuracies = ", ".join(f"{name} {100 * value:.2f} %" for name, value in summary["validation_accuracy"].items())
    print(f"{output}: {summary['int8_bytes']:,} bytes int8; validation accuracy {accuracies}")
    recordings = [] if data is None else ["--data", str(data)]
    print("next:", shlex.join(["kws-edge", "verify", str(output), *recordings]))


@contextmanager
def resumable(output: Path) -> Iterator[None]:
    """Say, when Ctrl-C ends what happens meanwhile, that the training of `output` can go on."""
    from kws_edge.training.request import work_folder

    try:
        yield
    except KeyboardInterrupt:
        if (work_folder(output) / "state.npz").exists():
            print(
                f"{output}: every finished epoch is kept; the same command with --resume goes on, with --restart it "
                "begins anew",
                file=sys.stderr,
            )
        raise


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _option(text: str) -> tuple[str, Any]:
    """`width=32` as TOML would read it."""
    from kws_edge.settings import parse_toml

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"--option {text!r}; write name=value")
    try:
        return name.strip(), parse_toml(f"value = {value}".encode(), Path("--option"))["value"]
    except SettingsError:
        return name.strip(), value


def _request(
    config: Path | None,
    preset: str | None,
    flags: dict[str, dict[str, Any]],
    qat: bool,
    teachers: tuple[Path, ...],
) -> TrainingRequest:
    """The settings of a training: the preset's, overridden by the TOML's, overridden by the flags that were given."""
    from kws_edge.detection import check_thresholds
    from kws_edge.models import check_arch, check_options
    from kws_edge.models.own import named_source
    from kws_edge.settings import check_tables, from_mapping, read_toml
    from kws_edge.spec import AugmentationSettings, CorpusSettings, DetectionSettings
    from kws_edge.training.request import TrainingRequest, suitable_teacher

    classes = {
        "features": FeatureSpec,
        "corpus": CorpusSettings,
        "augmentation": AugmentationSettings,
        "training": TrainingSettings,
        "model": ModelSettings,
        "detection": DetectionSettings,
    }
    tables = read_toml(config) if config else {}
    check_tables(tables, tuple(classes), source=config)
    typed = {name: {key: value for key, value in flags[name].items() if value is not None} for name in flags}
    defaults = _preset(preset, {**tables.get("model", {}), **typed["model"]}) if preset else {}
    settings: dict[str, Any] = {}
    for name, cls in classes.items():
        given = typed.get(name, {})
        source = f"{config} [{name}]" if name in tables else f"the options for [{name}]"
        settings[name] = from_mapping(cls, _layered(defaults.get(name, {}), tables.get(name, {}), given), source=source)
    check_arch(settings["model"].arch)
    # a preset's own are right
    if settings["model"].options != defaults.get("model", {}).get("options", {}):
        check_options(settings["model"])
    check_thresholds(settings["detection"], settings["corpus"].keywords)
    settings["model"] = named_source(settings["model"])
    spec = settings["features"]
    for teacher in teachers:
        suitable_teacher(teacher, settings["corpus"].labels, spec.sample_rate_hz, spec.clip_samples)
    return TrainingRequest(
        **settings, quantization_aware=qat, teachers=teachers, command=shlex.join(["kws-edge", *sys.argv[1:]])
    )


def _layered(*layers: dict[str, Any]) -> dict[str, Any]:
    """One table of several, later ones overriding earlier ones; a network's options one by one, none of another."""
    merged: dict[str, Any] = {}
    for layer in layers:
        # options that stand without a network are whichever network's is named at last
        arch = merged.get("arch", layer.get("arch"))
        same = layer.get("arch", arch) == arch
        kept = {key: value for key, value in merged.items() if same or key != "options"}
        merged = {**kept, **layer}
        if isinstance(kept.get("options"), dict) and isinstance(layer.get("options"), dict):
            merged["options"] = {**kept["options"], **layer["options"]}
    return merged


def _preset(name: str, model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables [model] and [features] of a preset; `model` is what else was said of the network."""
    from kws_edge.sweep.catalogue import catalogue

    if model.get("arch"):
        raise SettingsError(f"--preset {name} and arch = {model['arch']} both name a network; leave one out")
    entries = catalogue((name,))
    price = next((entry.price for entry in entries if entry.price.preset == name), None)
    if price is None:
        one = entries[0].price.preset
        raise SettingsError(f"{name} is a family; name one of its presets, such as {one}, or use --arch {name}")
    return {"model": {"arch": price.arch, "options": price.options}, "features": price.features}


def _check_output(output: Path, *, resume: bool, restart: bool, force: bool) -> None:
    """Nothing is overwritten or thrown away unless the user says so, and an output that cannot be is found now."""
    from kws_edge.bundle import check_bundle_output
    from kws_edge.training.request import work_folder

    if resume and restart:
        raise SettingsError("--resume and --restart exclude one another")
    if output.exists() and not force:
        raise BundleError(f"{output} exists; choose another --output, or --force to replace it")
    check_bundle_output(output)
    unfinished = work_folder(output) / "state.npz"
    if resume and not unfinished.exists():
        raise BundleError(f"{unfinished}: there is no interrupted training to resume; leave --resume out")
    # with `restart` the old state lives until the new training has begun: recordings may yet be missing
    if unfinished.exists() and not (resume or restart):
        raise BundleError(
            f"{output}: an interrupted training of it is in {unfinished.parent}; --resume goes on with it, "
            "--restart throws it away"
        )
