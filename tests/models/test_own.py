"""A user's own network is a function in a file, and a bundle is held to the file that it was trained with."""

from __future__ import annotations

import pytest

from kws_edge.errors import SettingsError
from kws_edge.models import build_model, check_arch
from kws_edge.models.network import weights_of
from kws_edge.models.own import absence, named_source
from kws_edge.spec import FeatureSpec, ModelSettings

pytest.importorskip("tensorflow")

SOURCE = """
def build(network, *, width=16):
    x = network.convolution(network.input, width, (10, 4), strides=2)
    return network.classifier(network.global_average_pool(x))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def test_the_function_builds_every_form_with_its_options(file):
    for form in ("float", "int8_export"):
        model = build_model(ModelSettings(arch=f"{file}:build", options={"width": 6}), FeatureSpec(), 4, form)
        assert model.output_shape == (None, 4)
        assert weights_of(model)["convolution_1/kernel"].shape == (10, 4, 1, 6)


@pytest.mark.parametrize(
    ("arch", "options", "said"),
    [
        ("{file}:built", {}, "no function 'built'"),
        ("{file}:build", {"wide": 3}, "'wide'"),
        ("{file}x.py:build", {}, "No such file"),
        ("{broken}:build", {}, "NameError"),
    ],
)
def test_a_mistake_names_file_and_function(file, arch, options, said):
    broken = file.with_name("broken.py")
    broken.write_text("def build(network):\n    return 1\nundefined\n")
    with pytest.raises(SettingsError, match=said):
        build_model(
            ModelSettings(arch=arch.format(file=file, broken=broken), options=options), FeatureSpec(), 4, "float"
        )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    return network.input", r"mine.py:build gives \(None, 49, 10, 1\); logits of 4 labels are wanted"),
        ("    return missing", r"mine\.py, line 2: NameError: name 'missing' is not defined"),
        (
            "    x = network.convolution(network.input, 5, 3, into_concatenation=True)\n"
            "    return network.classifier(network.global_average_pool(x))",
            "average pool: its input has no int8 range",
        ),
        ("    return network.convolution(network.input, 0, 3)", "convolution_1: 1 channels to 0, kernel 3"),
    ],
)
def test_a_function_that_builds_no_network_is_told_where_it_is_wrong(file, body, said):
    file.write_text(f"def build(network):\n{body}\n")
    with pytest.raises(SettingsError, match=said):
        build_model(ModelSettings(arch=f"{file}:build"), FeatureSpec(), 4, "float")


def test_neither_family_nor_file_is_an_error():
    with pytest.raises(SettingsError, match=r"sparknet.*file\.py:function"):
        check_arch("sparknot")


def test_a_bundle_is_held_to_the_file_it_was_trained_with(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    settings = named_source(ModelSettings(arch="mine.py:build"))
    assert settings.arch == f"{file}:build"
    assert absence(settings.arch, settings.source_sha256) is None
    build_model(settings, FeatureSpec(), 4, "float")
    file.write_text(SOURCE.replace("strides=2", "strides=1"))
    assert "edited" in str(absence(settings.arch, settings.source_sha256))
    with pytest.raises(SettingsError, match="edited"):
        build_model(settings, FeatureSpec(), 4, "float")
    file.unlink()
    assert "No such file" in str(absence(settings.arch, settings.source_sha256))


def test_a_family_needs_no_file():
    settings = ModelSettings(arch="sparknet")
    assert named_source(settings) is settings
