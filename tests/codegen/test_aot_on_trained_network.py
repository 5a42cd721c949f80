"""A network that was really trained, on the clips that it was not trained on: every form computes TFLM's integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tflm import tflm_outputs

from firmware_export.codegen.compiled import compile_network
from firmware_export.codegen.host import FORMS, HostNetwork
from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus
from kws_edge.frontend import features


@pytest.mark.slow
def test_every_clip_of_the_testing_split(
    trained_bundle: Bundle, tones: Corpus, package: Callable[[str, str], None], tool: Callable[[str, str], str]
) -> None:
    package("tflite_micro", "pip install 'kws-edge[train]'")
    tool("cc", "apt-get install gcc")
    network = compile_network(trained_bundle.int8_model, source="trained_bundle")
    rows = features(tones.split("test").clips, trained_bundle.features)
    rows = rows.reshape(len(rows), -1)
    expected = tflm_outputs(trained_bundle.int8_model, rows, network.network.input.shape)
    assert len(np.unique(expected, axis=0)) > len(rows) // 2, "a network that answers all the same proves nothing"
    for form in FORMS:
        with HostNetwork(network, form=form) as host:
            assert (host.run(rows) == expected).all(), form
