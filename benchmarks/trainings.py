"""Trainings side by side: what a network, a setting of the recipe or of the front end is worth, over several seeds.

    python benchmarks/trainings.py benchmarks/trainings/families.toml --data DIR --work DIR [--test] [--json FILE]
    python benchmarks/trainings.py benchmarks/trainings/ablation.toml --data DIR --work DIR --against base

The TOML file holds the tables of `kws-edge train --config` under [base], and variants of it:

    [base.training]
    epochs = 60
    [[variant]]
    name = "without mixup"
    training = {mixup = 0}
    preset = "tc_resnet8"    # as `train --preset`; instead of a table model
    teachers = ["large", "other.toml: wide"]    # variants here or in a file beside; all their seeds teach together
    exclude = true           # leave out what `kws-edge data check --write` lists
    listed = false           # a comparison: --measured leaves it out
    seeds = [0, 1, 2]        # default: those of --seeds

Bundles are kept in --work, named after file, variant and seed; teachers are trained first. A run that was interrupted
goes on where it was, and trainings that are done are not repeated. Validation accuracy is what variants are chosen by;
--against NAME adds how far each variant is from that one, seed by seed; --test the testing list, which is for the end.
--measured FILE then keeps what presets reached, as `kws-edge models` reads it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from tabulate import tabulate

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.corpus import find_data, load_corpus
from kws_edge.errors import KwsEdgeError, SettingsError
from kws_edge.files import write_file
from kws_edge.frontend import features
from kws_edge.models.own import is_own
from kws_edge.runtime import open_interpreter
from kws_edge.settings import check_tables, from_mapping, read_toml, to_mapping, to_toml
from kws_edge.sweep.catalogue import Measurement, PricedPreset, catalogue, read_measurements
from kws_edge.sweep.price import price_of
from kws_edge.training.request import work_folder
from kws_edge.verification.device import measure_device

TABLES = ("features", "corpus", "augmentation", "training", "model", "detection")


@dataclass(frozen=True)
class Variant:
    """One row of the table."""

    # the TOML file that has it
    source: Path
    name: str
    # tables of `kws-edge train --config`
    settings: dict[str, dict[str, Any]]
    # as `kws-edge train --preset`; without one, [model] names the network
    preset: str | None
    # names of variants of this file, or "other.toml: name"
    teachers: tuple[str, ...]
    # train without the recordings that `data check` finds spoiled
    exclude: bool
    # --measured keeps it; what is only there to be compared with is no recommendation, whatever the testing list says
    listed: bool
    seeds: tuple[int, ...]

    def bundle(self, work: Path, seed: int) -> Path:
        """Where the bundle of one seed is kept."""
        return work / self.source.stem / f"{re.sub(r'[^a-z0-9]+', '_', self.name.lower())}-{seed}"


def read_variants(path: Path, seeds: tuple[int, ...]) -> list[Variant]:
    """The variants of a TOML file, each with the base that it changes.

    Raises SettingsError for a table or key that nothing reads, and for two variants whose bundles would be one.
    """
    content = read_toml(path)
    check_tables(content, ("base", "variant"), source=path, repeated=("variant",))
    base = content.get("base", {})
    check_tables(base, TABLES, source=f"{path} [base]")
    variants = []
    for given in content.get("variant", []):
        if "name" not in given:
            raise SettingsError(f"{path}: a [[variant]] has no name; give it one, its bundles are named after it")
        strangers = set(given) - {"name", "teachers", "exclude", "listed", "seeds", "preset", *TABLES}
        if strangers:
            raise SettingsError(f"{path}: variant {given['name']!r} has an unknown key {sorted(strangers)[0]!r}")
        settings = {table: {**base.get(table, {}), **given.get(table, {})} for table in TABLES}
        variants.append(
            Variant(
                source=path,
                name=given["name"],
                settings={table: values for table, values in settings.items() if values},
                preset=given.get("preset"),
                teachers=tuple(given.get("teachers", ())),
                exclude=bool(given.get("exclude", False)),
                listed=bool(given.get("listed", True)),
                seeds=tuple(given.get("seeds", seeds)),
            )
        )
    if not variants:
        raise SettingsError(f"{path}: no [[variant]]")
    places: dict[Path, str] = {}
    for variant in variants:
        place = variant.bundle(Path(), 0)
        if place in places:
            raise SettingsError(
                f"{path}: bundles of {places[place]!r} and {variant.name!r} would have one name; rename one"
            )
        places[place] = variant.name
    return variants


def teachers_of(variant: Variant, seeds: tuple[int, ...]) -> list[Variant]:
    """The variants that teach one. Raises SettingsError for a name that is not there."""
    found = []
    for name in variant.teachers:
        file, _, own = name.rpartition(": ")
        source = variant.source.parent / file if file else variant.source
        teacher = next((each for each in read_variants(source, seeds) if each.name == own), None)
        if teacher is None:
            raise SettingsError(f"{variant.source}: {variant.name!r} has a teacher {own!r}, {source} has none")
        found.append(teacher)
    return found


def train(variant: Variant, seed: int, seeds: tuple[int, ...], data: Path, work: Path) -> Bundle:
    """The bundle of one seed, trained now if it is not there yet, after its teachers. Raises KwsEdgeError."""
    output, teachers = variant.bundle(work, seed), teachers_of(variant, seeds)
    if output.exists():
        bundle = read_bundle(output)
        changed = departures(variant, bundle)
        if _has_other_teachers(bundle, [each.bundle(work, own) for each in teachers for own in each.seeds]):
            changed.append("teachers")
        if changed:
            print(
                f"warning: {output} was trained with other {', '.join(changed)}; remove it to train anew",
                file=sys.stderr,
            )
        return bundle
    output.parent.mkdir(parents=True, exist_ok=True)
    config = output.parent / f"{output.name}.toml"
    write_file(config, tomli_w.dumps(variant.settings).encode())
    command = [sys.executable, "-m", "kws_edge", "train", "--qat", "--data", str(data), "--config", str(config)]
    command += ["--seed", str(seed), "--output", str(output)]
    if variant.preset:
        command += ["--preset", variant.preset]
    for teacher in teachers:
        for own_seed in teacher.seeds:
            command += ["--teacher", str(train(teacher, own_seed, seeds, data, work).path)]
    if variant.exclude:
        command += ["--exclude", str(_exclusions(data, output.parent))]
    if (work_folder(output) / "state.npz").exists():
        command.append("--resume")
    if subprocess.run(command, check=False).returncode:
        raise KwsEdgeError(f"the training of {variant.name}, seed {seed}, failed: {' '.join(command)}")
    return read_bundle(output)


def departures(variant: Variant, bundle: Bundle) -> list[str]:
    """Settings that `bundle` was not trained with as `variant` has them by now, such as "training.epochs"."""
    asked = {table: dict(variant.settings.get(table, {})) for table in TABLES}
    if variant.preset is not None:
        price = _own_price(variant.preset)
        asked["features"] = {**price.features, **asked["features"]}
        asked["model"] = {"arch": price.arch, "options": {**price.options, **asked["model"].get("options", {})}}
    # what training measures, what each seed has of its own, and where one's own network lies
    found = {f"features.{key}" for key in ("mean", "std", "scale", "zero_point")}
    found |= {"training.seed", "corpus.exclude", "model.source_sha256"}
    if is_own(bundle.arch):
        found.add("model.arch")
    changed = []
    for table in ("features", "corpus", "augmentation", "training", "model"):
        had = getattr(bundle, table)
        wanted = to_mapping(from_mapping(type(had), asked[table], source=f"{variant.source}: {variant.name}: {table}"))
        changed += [f"{table}.{key}" for key, value in wanted.items() if to_mapping(had).get(key) != value]
    left = [name for name in changed if name not in found]
    return left + ["exclude"] * (bool(bundle.corpus.exclude) != variant.exclude)


def _has_other_teachers(bundle: Bundle, teachers: list[Path]) -> bool:
    """Whether `bundle` learned from others than `teachers`; unknown, so False, while one of these is not trained."""
    if not all(path.exists() for path in teachers):
        return False
    knowledge = [hashlib.sha256(read_bundle(path).weights).hexdigest() for path in teachers]
    return bool(knowledge != bundle.metrics.get("teachers", []))


def _own_price(preset: str) -> PricedPreset:
    """A preset's price on the features that it was made for, its first in the list. Raises SettingsError."""
    found = next((each.price for each in catalogue() if each.price.preset == preset), None)
    if found is None:
        raise SettingsError(f"preset {preset!r}: there is none; see `kws-edge models`")
    return found


def _exclusions(data: Path, folder: Path) -> Path:
    """The exclusion list of `data`, written at the first call."""
    path = folder / "exclusions.txt"
    if not path.exists():
        command = [sys.executable, "-m", "kws_edge", "data", "check", str(data), "--rows", "0", "--write", str(path)]
        if subprocess.run(command, check=False).returncode not in (0, 1):
            raise KwsEdgeError(f"kws-edge data check {data} failed")
    return path


def accuracies(bundle: Bundle, data: Path, split: Any) -> dict[str, float]:
    """Accuracy in percent of the float and the int8 model on one split, features computed by the device's front end."""
    spec = bundle.features
    corpus = load_corpus(data, bundle.corpus, sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples)
    clips = corpus.split(split)
    rows = features(np.asarray(clips.clips), spec)
    real = (rows.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
    answers = {
        "float": open_interpreter("litert_xnnpack", bundle.float_model).run(real),
        "int8": open_interpreter("litert_reference", bundle.int8_model).run(rows),
    }
    return {name: 100 * float((given.argmax(axis=1) == clips.labels).mean()) for name, given in answers.items()}


def row(variant: Variant, bundles: list[Bundle], data: Path, *, test: bool, instructions: bool) -> dict[str, Any]:
    """What a variant costs, by its first bundle, and how well it does, by all of them."""
    first = bundles[0]
    cost = price_of(first.int8_model)
    line: dict[str, Any] = {
        "name": variant.name,
        "seeds": [bundle.provenance.seed for bundle in bundles],
        "parameters": cost.parameters,
        "macs": cost.macs,
        "file_bytes": cost.file_bytes,
        "weight_bytes": cost.weight_bytes,
        "aot_ram_bytes": cost.ram_bytes,
        "training_minutes": round(float(np.mean([bundle.metrics["seconds"] for bundle in bundles])) / 60, 1),
    }
    if instructions:
        spec = first.features
        corpus = load_corpus(data, first.corpus, sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples)
        device = measure_device(first, "cortex-m4", np.asarray(corpus.split("test").clips[:3]))
        if device.differences:
            raise KwsEdgeError(
                f"{first.path}: its firmware is not what Python computes: {'; '.join(device.differences)}"
            )
        line["ram_bytes"] = device.ram_bytes
        line["instructions_per_inference"] = device.instructions_per_inference
    for split in ("validation", "test") if test else ("validation",):
        each = [accuracies(bundle, data, split) for bundle in bundles]
        for form in ("float", "int8"):
            line[f"{split}_{form}"] = [round(values[form], 2) for values in each]
            line[f"{split}_{form}_mean"] = round(float(np.mean([values[form] for values in each])), 2)
    return line


def add_differences(lines: list[dict[str, Any]], base: dict[str, Any]) -> None:
    """Add the points of int8 validation accuracy of each line over `base`, for each seed of both, and their mean."""
    of_base = dict(zip(base["seeds"], base["validation_int8"], strict=True))
    for line in lines:
        pairs = zip(line["seeds"], line["validation_int8"], strict=True)
        each = [round(reached - of_base[seed], 2) for seed, reached in pairs if seed in of_base]
        line["difference"] = each
        line["difference_mean"] = round(float(np.mean(each)), 2) if each else None


def measurement(variant: Variant, line: dict[str, Any], bundle: Bundle, data: Path) -> Measurement | None:
    """A row of `data` and its testing list as `kws-edge models` reads it; None for what is not to be listed there."""
    if variant.preset is None or not variant.listed or "test_int8" not in line:
        return None
    own = _own_price(variant.preset).features
    int8 = np.array(line["test_int8"]) / 100
    clips, training = bundle.metrics["clips"], bundle.training
    khz = bundle.features.sample_rate_hz / 1000
    return Measurement(
        preset=variant.preset,
        features={**own, **variant.settings.get("features", {})},
        data=f"{data.resolve().name} at {khz:g} kHz, testing list of {clips['test']:,} clips",
        float_accuracy=round(line["test_float_mean"] / 100, 4),
        int8_accuracy=round(float(int8.mean()), 4),
        int8_deviation=round(float(int8.std(ddof=1)), 4) if len(int8) > 1 else None,
        seeds=len(int8),
        training_minutes=line["training_minutes"],
        instructions_m4=line.get("instructions_per_inference"),
        note="; ".join(
            (
                f"{variant.source.name}: {variant.name}",
                f"{training.epochs} + {training.qat_epochs} epochs",
                *(f"taught by {teacher}" for teacher in variant.teachers),
                *([f"synthesized voices {training.synth_share:g}"] if training.synth_share else []),
            )
        ),
    )


def write_measured(path: Path, new: list[Measurement]) -> None:
    """Put `new` into the file at `path`, in place of older ones of the same variants; what stands above them stays."""

    def variant(each: Measurement) -> str:
        return each.note.split(";")[0]

    replaced = {variant(each) for each in new}
    kept = [each for each in read_measurements(path) if variant(each) not in replaced] if path.exists() else []
    text = path.read_text() if path.exists() else ""
    header = re.split(r"^\[\[measured\]\]", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip()
    entries = sorted((*kept, *new), key=lambda each: (each.preset, each.note))
    table = to_toml(header=f"{header}\n\n" if header else "", measured=[to_mapping(each) for each in entries])
    write_file(path, table.encode())


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", type=Path, nargs="?", default=Path(__file__).parent / "trainings/families.toml")
    parser.add_argument("--data", type=Path, help="folder of recordings; default KWS_EDGE_DATA")
    parser.add_argument("--work", type=Path, default=Path("build/trainings"), help="folder of bundles")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="names of variants")
    parser.add_argument("--against", help="name of the variant that the others are compared with, seed by seed")
    parser.add_argument("--trained", action="store_true", help="show what is trained, train nothing")
    parser.add_argument("--test", action="store_true", help="accuracy on the testing list too")
    parser.add_argument("--instructions", action="store_true", help="RAM and instructions on an emulated Cortex-M4")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measured", type=Path, help="file to keep what presets reached in; wants --test")
    given = parser.parse_args()
    if given.measured and not given.test:
        parser.error("--measured keeps figures of the testing list; add --test")
    data = find_data(given.data)
    if data is None:
        sys.exit("give --data or set KWS_EDGE_DATA")
    seeds = tuple(given.seeds)
    try:
        lines, reached = [], []
        variants = read_variants(given.variants, seeds)
        strangers = set(given.only or ()) - {variant.name for variant in variants}
        if strangers:
            known = ", ".join(variant.name for variant in variants)
            parser.error(f"--only {sorted(strangers)[0]!r}: no such variant; there are {known}")
        variants = [each for each in variants if not given.only or each.name in given.only]
        names = [variant.name for variant in variants]
        if given.against and given.against not in names:
            parser.error(f"--against {given.against!r}: no such variant; there are {', '.join(names)}")
        for variant in variants:
            wanted = [seed for seed in variant.seeds if not given.trained or variant.bundle(given.work, seed).exists()]
            bundles = [train(variant, seed, seeds, data, given.work) for seed in wanted]
            if bundles:
                lines.append(row(variant, bundles, data, test=given.test, instructions=given.instructions))
                print(json.dumps(lines[-1]), file=sys.stderr, flush=True)
                reached.append(measurement(variant, lines[-1], bundles[0], data))
        base = [line for line in lines if line["name"] == given.against]
        if base:
            add_differences(lines, base[0])
    except KwsEdgeError as error:
        sys.exit(str(error))
    print(tabulate([{k: v for k, v in line.items() if not isinstance(v, list)} for line in lines], headers="keys"))
    if given.json:
        write_file(given.json, json.dumps(lines, indent=2).encode())
    if given.measured:
        write_measured(given.measured, [each for each in reached if each is not None])


if __name__ == "__main__":
    main()
