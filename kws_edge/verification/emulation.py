"""Some of the clips that were verified, through the firmware on an emulated core."""

from __future__ import annotations

import numpy as np

from kws_edge.errors import SettingsError
from kws_edge.frontend import features
from kws_edge.runtime.oracle import open_oracle
from kws_edge.verification.checks import Check
from kws_edge.verification.device import DeviceParity, device_parity
from kws_edge.verification.verify import Verification

_SEED = 0


def emulate(verification: Verification, count: int, core: str) -> DeviceParity:
    """Push `count` clips of the split, chosen by a seed, through the firmware on `core`; all of them if it has fewer.

    Raises DependencyError for a missing toolchain, FirmwareError if the firmware does not build, fit or end.
    """
    if count < 1:
        raise SettingsError(f"{count} clips to emulate; use 1 or more")
    bundle, split = verification.bundle, verification.data.split(verification.split)
    chosen = np.sort(np.random.default_rng(_SEED).permutation(len(split.labels))[:count])
    clips = np.asarray(split.clips)[chosen]
    rows = features(clips, bundle.features)
    names = tuple(split.names[number] for number in chosen)
    return device_parity(bundle, core, clips, names, rows, open_oracle(bundle.int8_model).run(rows))


def check_emulated(parity: DeviceParity) -> Check:
    """The firmware must give the host's features and outputs on every clip, and pass its self-test."""
    different = sorted({*parity.different_features, *parity.different_outputs})
    details = [] if parity.selftest == "PASS" else [f"self-test on {parity.place}: {parity.selftest}"]
    if parity.different_features:
        details.append(f"features differ first in {parity.different_features[0]}: the front end is not the host's")
    elif different:
        details.append(f"outputs differ first in {different[0]}, on equal features: the network is not TFLM's")
    return Check("firmware_differs", parity.equal, len(different), 0, "; ".join(details))
