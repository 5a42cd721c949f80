"""The bundle: a folder that holds a trained model and all that is known of it, hashed; the only thing verbs hand on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np

from kws_edge import __version__
from kws_edge.errors import BundleError, SettingsError
from kws_edge.files import check_output, replacing_folder
from kws_edge.settings import from_mapping, parse_toml, to_mapping, to_toml
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)

FORMAT_VERSION = 1
MANIFEST = "bundle.toml"
SPEC = "spec.toml"
INT8_MODEL = "model_int8.tflite"
FLOAT_MODEL = "model_float.tflite"
WEIGHTS = "weights.npz"
METRICS = "metrics.json"
HISTORY = "history.csv"
HISTORY_PLOT = "history.png"
FILES = (SPEC, INT8_MODEL, FLOAT_MODEL, WEIGHTS, METRICS, HISTORY, HISTORY_PLOT)

# distributions whose versions can change a number in a bundle
_RECORDED_DISTRIBUTIONS = (
    "numpy",
    "soundfile",
    "soxr",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "tflite-micro",
)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a bundle comes from: enough to make it again."""

    # the one seed of everything random
    seed: int
    # `Corpus.content_hash` of the recordings and of everything that shaped the clips
    data_hash: str
    # the command line that made the bundle; bytes of a path that are no Unicode are escaped
    command: str
    # UTC, ISO 8601, when the bundle was written
    time: str
    # distribution name to version, of whatever can change a number
    versions: Mapping[str, str]
    # when the detection settings were calibrated (UTC, ISO 8601), and by which command line; None if they never were
    calibration: str | None = None

    @classmethod
    def of_this_run(cls, *, seed: int, data_hash: str, command: str) -> Provenance:
        """Provenance with the time and the installed versions of this moment."""
        found = {name: _installed_version(name) for name in _RECORDED_DISTRIBUTIONS}
        versions = {"kws-edge": __version__, "python": platform.python_version(), "machine": platform.machine()}
        versions.update({name: version for name, version in found.items() if version})
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(seed=seed, data_hash=data_hash, command=_unicode(command), time=time, versions=versions)


@dataclass(frozen=True, kw_only=True)
class BundleContents:
    """What `write_bundle` writes."""

    # True if `weights` holds the parameters of quantization-aware training beside the float ones
    quantization_aware: bool
    features: FeatureSpec
    corpus: CorpusSettings
    augmentation: AugmentationSettings
    model: ModelSettings
    training: TrainingSettings
    detection: DetectionSettings
    provenance: Provenance
    int8_model: bytes
    float_model: bytes
    # Keras variables as one .npz, each named phase/path
    weights: bytes
    # whatever training measured, plain JSON types
    metrics: Mapping[str, Any]
    # one line per epoch, with a header
    history_csv: str
    history_png: bytes


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose files all matched their hashes when it was read; the bytes kept here are the ones that matched."""

    path: Path
    quantization_aware: bool
    # the model's outputs in order
    labels: tuple[str, ...]
    features: FeatureSpec
    corpus: CorpusSettings
    augmentation: AugmentationSettings
    model: ModelSettings
    training: TrainingSettings
    detection: DetectionSettings
    provenance: Provenance
    metrics: Mapping[str, Any]
    # file name to content, every file but the manifest
    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        """Of the folder, for titles, also where it was called . or .."""
        return (self.path if self.path.name not in ("", "..") else self.path.resolve()).name

    @property
    def arch(self) -> str:
        """Name of the model family, such as "ds_cnn"."""
        return self.model.arch

    @property
    def int8_model(self) -> bytes:
        """The int8 .tflite file."""
        return self.files[INT8_MODEL]

    @property
    def float_model(self) -> bytes:
        """The float32 .tflite file."""
        return self.files[FLOAT_MODEL]

    @property
    def weights(self) -> bytes:
        """The Keras weights, as one .npz file."""
        return self.files[WEIGHTS]

    def variables(self, phase: Literal["float", "quantized"]) -> dict[str, np.ndarray[Any, Any]]:
        """The Keras variables of one phase of training, by their paths in the network."""
        prefix = f"{phase}/"
        with np.load(io.BytesIO(self.weights)) as archive:
            return {key.removeprefix(prefix): archive[key] for key in archive.files if key.startswith(prefix)}

    def sha256(self, name: str) -> str:
        """Hash of one of the bundle's files, such as `INT8_MODEL`."""
        return _sha256(self.files[name])


def check_bundle_output(path: Path) -> None:
    """Raise BundleError if `path` is something that a bundle must not replace, StorageError if none can be written."""
    if path.exists() and not (path.is_dir() and ((path / MANIFEST).is_file() or not any(path.iterdir()))):
        raise BundleError(f"{path} exists and is no bundle; choose another output")
    check_output(path)


def write_bundle(path: Path, contents: BundleContents) -> Bundle:
    """Write `contents` as a bundle at `path` and return it as `read_bundle` would.

    The folder appears whole or not at all. An older bundle at `path` is replaced; BundleError if what is there is
    something else, StorageError when the file system refuses.
    """
    check_bundle_output(path)
    header = "# Every setting that this bundle was made with.\n"
    spec = to_toml(
        header=header,
        features=contents.features,
        corpus=contents.corpus,
        augmentation=contents.augmentation,
        model=contents.model,
        training=contents.training,
        detection=contents.detection,
    )
    files = {
        SPEC: spec.encode(),
        INT8_MODEL: contents.int8_model,
        FLOAT_MODEL: contents.float_model,
        WEIGHTS: contents.weights,
        METRICS: (json.dumps(dict(contents.metrics), indent=2, sort_keys=True) + "\n").encode(),
        HISTORY: contents.history_csv.encode(),
        HISTORY_PLOT: contents.history_png,
    }
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "arch": contents.model.arch,
        "quantization_aware": contents.quantization_aware,
        "labels": list(contents.corpus.labels),
        "provenance": to_mapping(contents.provenance),
        "files": {name: _sha256(data) for name, data in files.items()},
    }
    manifest_sha256 = _manifest_hash(manifest)
    with replacing_folder(path) as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        text = to_toml(
            header="# A kws-edge bundle; `kws-edge show` explains it.\n", manifest_sha256=manifest_sha256, **manifest
        )
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    return read_bundle(path)


def write_calibrated(
    path: Path, bundle: Bundle, detection: DetectionSettings, *, command: str, measured: Mapping[str, Any]
) -> Bundle:
    """Write `bundle` with other detection settings to `path`, which may be its own, and return what was written.

    `command` is the command line that chose them, `measured` becomes the metrics' entry "detection"; without any, there
    is none, since an earlier one was measured with other settings. All else stays as it was, byte for byte. The folder
    appears whole or not at all. Raises as `write_bundle` does.
    """
    metrics = {name: value for name, value in bundle.metrics.items() if name != "detection"}
    time = datetime.now(timezone.utc).isoformat(timespec="seconds")
    contents = BundleContents(
        quantization_aware=bundle.quantization_aware,
        features=bundle.features,
        corpus=bundle.corpus,
        augmentation=bundle.augmentation,
        model=bundle.model,
        training=bundle.training,
        detection=detection,
        provenance=replace(bundle.provenance, calibration=f"{time} {_unicode(command)}"),
        int8_model=bundle.int8_model,
        float_model=bundle.float_model,
        weights=bundle.weights,
        metrics={**metrics, "detection": dict(measured)} if measured else metrics,
        history_csv=bundle.files[HISTORY].decode(),
        history_png=bundle.files[HISTORY_PLOT],
    )
    return write_bundle(path, contents)


def read_bundle(path: Path) -> Bundle:
    """Read the bundle at `path`, every file checked against the manifest's hash.

    Raises BundleError that names the file which is missing, truncated or edited, or the format version if this
    release does not know it.
    """
    if not path.is_dir():
        raise BundleError(f"{path} is no bundle: {'not a folder' if path.exists() else 'it does not exist'}")
    if not any((path / name).exists() for name in (MANIFEST, SPEC, INT8_MODEL)):
        raise BundleError(f"{path} is no bundle: there is no {MANIFEST} in it")
    manifest = _read_manifest(path)
    files: dict[str, bytes] = {}
    for name in FILES:
        data = _read(path / name)
        if _sha256(data) != manifest["files"][name]:
            raise BundleError(
                f"{path / name} is not the file that was written: truncated or edited; restore or retrain"
            )
        files[name] = data
    tables = _parse(files[SPEC], path / SPEC)

    def settings(cls: type[T], table: str) -> T:
        return from_mapping(cls, tables.get(table, {}), source=f"{path / SPEC} [{table}]")

    try:
        return Bundle(
            path=path,
            quantization_aware=manifest["quantization_aware"],
            labels=tuple(manifest["labels"]),
            features=settings(FeatureSpec, "features"),
            corpus=settings(CorpusSettings, "corpus"),
            augmentation=settings(AugmentationSettings, "augmentation"),
            model=settings(ModelSettings, "model"),
            training=settings(TrainingSettings, "training"),
            detection=settings(DetectionSettings, "detection"),
            provenance=from_mapping(Provenance, manifest["provenance"], source=f"{path / MANIFEST} [provenance]"),
            metrics=MappingProxyType(json.loads(files[METRICS])),
            files=MappingProxyType(files),
        )
    except (SettingsError, TypeError, ValueError) as error:
        raise BundleError(f"{path} was written by another release: {error}") from error


def _unicode(text: str) -> str:
    """`text` as UTF-8 can hold it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _installed_version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read_manifest(path: Path) -> dict[str, Any]:
    location = path / MANIFEST
    manifest = _parse(_read(location), location)
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{location}: format_version = {version!r}, but this kws-edge reads {FORMAT_VERSION}; "
            "use the release that wrote the bundle, or train again"
        )
    expected = manifest.pop("manifest_sha256", None)
    if _manifest_hash(manifest) != expected or set(manifest["files"]) != set(FILES):
        raise BundleError(f"{location} is not the file that was written: truncated or edited; restore or retrain")
    return manifest


def _parse(data: bytes, location: Path) -> dict[str, Any]:
    try:
        return parse_toml(data, location)
    except SettingsError as error:
        raise BundleError(f"{error}; the bundle is truncated or edited: restore or retrain") from error


def _read(location: Path) -> bytes:
    try:
        return location.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{location} is missing; restore it or train again") from None
    except OSError as error:
        raise BundleError(f"{location} cannot be read: {error.strerror}") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _manifest_hash(manifest: Mapping[str, Any]) -> str:
    # an edited one may hold what TOML has and JSON lacks
    return _sha256(json.dumps(manifest, sort_keys=True, default=str).encode())
