"""What must hold of a bundle before it may go to a device: one function for each check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import Bundle
from kws_edge.frontend import features, reference_features
from kws_edge.frontend.fingerprint import features_fingerprint
from kws_edge.frontend.native import INSTALL, is_compiled
from kws_edge.runtime import Values
from kws_edge.verification.accuracy import Accuracy
from kws_edge.verification.grids import compare_grids
from kws_edge.verification.interpreters import AOT, LITERT_FLOAT, LITERT_REFERENCE, TFLM
from kws_edge.verification.parity import Parity

# clips on which the specification is computed: it takes a hundred times as long as the C
_SPECIFIED_CLIPS = 4
# where training puts the fingerprint of its features
FINGERPRINT = "features_fingerprint"


@dataclass(frozen=True)
class Check:
    """One thing that must hold before a bundle may go to a device."""

    name: str
    # None if what it compares is not installed here
    passed: bool | None
    measured: float | None
    # the largest `measured` that passes; for `distinct_outputs`, the smallest
    limit: float
    # what is wrong, or why the check was not made; else empty
    detail: str = ""


def device_of(interpreters: Iterable[str]) -> str:
    """The interpreter that stands for the device: TFLM, or LiteRT's reference kernels where TFLM is absent."""
    return TFLM if TFLM in interpreters else LITERT_REFERENCE


def check_drop(accuracy: Mapping[str, Accuracy], max_drop_points: float) -> Check:
    """Accuracy must survive quantization."""
    device, real = accuracy.get(device_of(accuracy)), accuracy.get(LITERT_FLOAT)
    if device is None or real is None:
        return Check("int8_drop_points", None, None, max_drop_points)
    # counted in clips first, so that a drop of exactly the limit passes
    lost = int(np.trace(real.confusion)) - int(np.trace(device.confusion))
    drop_points = 100 * lost / int(device.confusion.sum())
    passed = drop_points <= max_drop_points
    way_out = (
        "train with --qat, or with more --qat-epochs; `kws-edge layers --quantization` names the layers that lose most"
    )
    return Check("int8_drop_points", passed, drop_points, max_drop_points, "" if passed else way_out)


def check_equality(parity: Mapping[tuple[str, str], Parity]) -> Check:
    """Two independent implementations must give the same integers."""
    return _equal("tflm_differs_from_reference", parity.get((TFLM, LITERT_REFERENCE)))


def check_engine(parity: Mapping[tuple[str, str], Parity], interpreters: Iterable[str]) -> Check:
    """The ahead-of-time engine's C must give the integers of the device's interpreter."""
    return _equal("aot_differs_from_tflm", parity.get((AOT, device_of(interpreters))))


def check_distinct(outputs: Mapping[str, Values], inputs: NDArray[np.int8], labels: int) -> Check:
    """A model that answers everything alike would pass every comparison and prove nothing."""
    device = outputs.get(device_of(outputs))
    least = min(labels, len(np.unique(inputs.reshape(len(inputs), -1), axis=0)))
    if device is None:
        return Check("distinct_outputs", None, None, least)
    distinct = len(np.unique(device, axis=0))
    passed = distinct >= least
    way_out = "the model answers nearly everything alike, and proves no equality: train it longer or on more clips"
    return Check("distinct_outputs", passed, distinct, least, "" if passed else way_out)


def check_specification(bundle: Bundle, clips: NDArray[np.int16]) -> Check:
    """The compiled front end must give the specification's integers; the first clips of int16[n, samples] are tried."""
    name = "frontend_differs_from_specification"
    if not is_compiled():
        return Check(name, None, None, 0, f"the front end is not compiled here; {INSTALL}")
    some = np.asarray(clips[:_SPECIFIED_CLIPS])
    different = features(some, bundle.features) != reference_features(some, bundle.features)
    count = int(np.count_nonzero(different))
    if not count:
        return Check(name, True, 0, 0)
    clip, frame, column = (int(index[0]) for index in np.nonzero(different))
    where = f"first in clip {clip}, frame {frame}, column {column}: the compiled C and the specification are not one"
    return Check(name, False, count, 0, where)


def check_frontend(bundle: Bundle) -> Check:
    """Features must still be computed as they were when the model was trained."""
    name = "frontend_changed"
    trained = bundle.metrics.get(FINGERPRINT)
    if trained is None:
        return Check(name, None, None, 0, "the bundle is of a release that kept no fingerprint of its features")
    if trained == features_fingerprint(bundle.features):
        return Check(name, True, 0, 0)
    return Check(
        name,
        False,
        1,
        0,
        "the front end (a setting in spec.toml, or the code) gives other features than those of the training: "
        "train again, or go back to the front end of then",
    )


def check_grids(bundle: Bundle) -> Check:
    """Every activation must be quantized as it was in training."""
    name = "layers_on_another_grid"
    compared, departures = compare_grids(bundle)
    if not compared:
        return Check(name, None, None, 0, "no layer of the int8 model has the name of one that was trained")
    return Check(name, not departures, len(departures), 0, "; ".join(map(str, departures)))


def _equal(name: str, pair: Parity | None) -> Check:
    if pair is None:
        return Check(name, None, None, 0)
    return Check(name, pair.different_outputs == 0, pair.different_outputs, 0)
