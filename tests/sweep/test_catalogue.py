"""The table of networks: every preset is in it, costs what was published, and is priced as it is built."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from kws_edge.cli import main
from kws_edge.errors import SettingsError
from kws_edge.sweep.catalogue import (
    LABELS,
    PRICES,
    Entry,
    Measurement,
    catalogue,
    merged,
    price_all,
    prices_toml,
    read_measurements,
    read_prices,
)
from kws_edge.sweep.plots import Point, accuracy_figure, accuracy_png, catalogue_points
from kws_edge.sweep.tables import catalogue_table

PUBLISHED = {
    # parameters and multiply-accumulates in thousands, None where not published; and by how much ours may differ:
    # published counts of parameters have two batch normalisation parameters where a folded network has one bias
    "sparknet": (4.636, None, 0.03),  # arXiv:2406.06634
    "sparknet-32": (11.5, None, 0.03),
    # arXiv:1904.03814, Table 2; arXiv:1711.07128, Table 7: both count a product and its addition as two
    "tc_resnet8": (66, 3000 / 2, 0.02),
    "tc_resnet14": (137, 6100 / 2, 0.02),
    "ds_cnn-S": (None, 5400 / 2, 0.02),
    "ds_cnn-M": (None, 19800 / 2, 0.02),
    "ds_cnn-L": (None, 56900 / 2, 0.02),
}


@pytest.fixture(scope="module")
def prices():
    # the first of a preset is on its own features, others on those that were measured too
    return {price.preset: price for price in reversed(read_prices(PRICES))}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_sizes_are_those_of_the_papers(preset, prices):
    parameters, macs, tolerance = PUBLISHED[preset]
    price = prices[preset]
    if parameters is not None:
        assert price.parameters == pytest.approx(1000 * parameters, rel=tolerance)
    if macs is not None:
        assert price.macs == pytest.approx(1000 * macs, rel=tolerance)


def test_sparknet_multiplies_as_often_a_frame_as_the_papers_graph(prices):
    # 352 + 32 C + 63 C + 6 C^2 + 32 C products with C = 16 channels, 32 coefficients and 32 gates
    frames = 97
    assert prices["sparknet"].macs == frames * (352 + 127 * 16 + 6 * 16**2) + 32 * LABELS


def test_bc_resnet_has_the_papers_parameters_but_for_what_was_changed(prices):
    published, batch_norm, sub_spectral, pointwise, last_depthwise = 9232, 288, 184, 184, 20
    # one bias for two parameters of each normalised channel and ten of each sub-spectral one; two layers gain a bias
    expected = published - batch_norm - 9 * sub_spectral + pointwise + last_depthwise
    assert prices["bc_resnet-1"].parameters == expected


def test_what_is_written_is_read_again(tmp_path, prices):
    path = tmp_path / "prices.toml"
    path.write_text(prices_toml(list(prices.values())))
    assert read_prices(path) == tuple(prices.values())


def test_new_prices_replace_those_of_their_names_alone(prices):
    old = tuple(prices.values())
    new = [dataclasses.replace(prices["sparknet"], macs=1)]
    both = merged(old, new, ["sparknet"])
    assert {price.preset: price.macs for price in both if price.arch == "sparknet"} == {"sparknet": 1}
    assert [price for price in both if price.arch != "sparknet"] == [p for p in old if p.arch != "sparknet"]
    assert merged(old, new, []) == tuple(new)


def test_a_preset_that_is_priced_anew_keeps_its_place(prices):
    old = read_prices(PRICES)
    for name in prices:
        new = [dataclasses.replace(price, macs=1) for price in old if name in (price.preset, price.arch)]
        both = merged(old, new, [name])
        assert [(price.preset, price.features) for price in both] == [(price.preset, price.features) for price in old]
    added = dataclasses.replace(prices["ds_cnn-S"], preset="ds_cnn-XS")
    assert [price.preset for price in merged(old, [added], ["ds_cnn-XS"]) if price.arch == "ds_cnn"] == [
        *(price.preset for price in old if price.arch == "ds_cnn"),
        "ds_cnn-XS",
    ]


def test_the_best_measurement_of_a_preset_on_its_features_is_shown(tmp_path, monkeypatch):
    path = tmp_path / "measured.toml"
    fields = 'data = "tones"\nseeds = 3\ntraining_minutes = 2.0\nfloat_accuracy = 0.9\n'
    one = '[[measured]]\npreset = "ds_cnn-S"\n'
    path.write_text(
        f"{one}{fields}int8_accuracy = 0.81\n"
        f"{one}{fields}int8_accuracy = 0.87654\nint8_deviation = 0.0012\ninstructions_m4 = 123456\n"
        f"{one}{fields}int8_accuracy = 0.99\nfeatures = {{ coefficients = 12 }}\n"
    )
    monkeypatch.setattr("kws_edge.sweep.catalogue.MEASURED", path)
    entries = catalogue(["ds_cnn-S"])
    assert [entry.best.int8_accuracy for entry in entries if entry.price.features == {}] == [0.87654]
    assert "87.65 ± 0.12" in catalogue_table(entries)
    path.write_text(path.read_text() + "int8_acuracy = 1.0\n")
    with pytest.raises(SettingsError, match="int8_accuracy"):
        read_measurements(path)


def test_the_command_lists_all_without_tensorflow_and_names_a_stranger():
    hidden = "import sys; sys.modules['tensorflow'] = None; from kws_edge.cli import main; main()"
    listed = subprocess.run([sys.executable, "-c", hidden, "models", "--json"], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert {entry["preset"] for entry in json.loads(listed.stdout)} >= set(PUBLISHED)
    refused = subprocess.run([sys.executable, "-c", hidden, "models", "ds_cmn"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "ds_cmn" in refused.stderr


def measured(preset: str, accuracy: float, **features: int) -> Measurement:
    return Measurement(
        preset=preset,
        features=features,
        data="tones",
        float_accuracy=accuracy,
        int8_accuracy=accuracy,
        seeds=2,
        training_minutes=1.0,
        note=f"{preset} at {accuracy}",
    )


def test_a_picture_shows_each_measured_preset_once_at_its_best(prices):
    here, there = prices["ds_cnn-S"], dataclasses.replace(prices["ds_cnn-S"], features={"coefficients": 12}, macs=7)
    points = catalogue_points(
        [
            Entry(here, measured("ds_cnn-S", 0.9)),
            Entry(there, measured("ds_cnn-S", 0.91, coefficients=12)),
            Entry(prices["ds_cnn-M"], None),
            Entry(dataclasses.replace(prices["tiny_conv"], ram_bytes=None), measured("tiny_conv", 0.5)),
        ]
    )
    assert [(point.label, point.accuracy, point.costs["macs"]) for point in points] == [
        ("ds_cnn-S", 0.91, 7),
        ("tiny_conv", 0.5, prices["tiny_conv"].macs),
    ]
    assert "ram_bytes" in points[0].costs and "ram_bytes" not in points[1].costs
    assert "ds_cnn-S at 0.91" in points[0].told


@pytest.mark.parametrize("accuracies", [(0.965,), (0.97, 0.97), (1.0, 0.0), (0.5,)])
@pytest.mark.filterwarnings("error")
def test_a_picture_of_whatever_was_reached_shows_all_its_points(accuracies, package):
    package("matplotlib", "pip install 'kws-edge[train]'")
    points = [
        Point("a", accuracy, {"weight_bytes": 1000 * (1 + n), "ram_bytes": 2000, "macs": 3}, (), label=f"a{n}")
        for n, accuracy in enumerate(accuracies)
    ]
    figure = accuracy_figure(points, "int8 accuracy, %")
    for axes in figure.axes:
        below, above = axes.get_ylim()
        assert all(below < 100 * accuracy < above for accuracy in accuracies)
        assert sorted(text.get_text() for text in axes.texts) == [point.label for point in points]
        assert np.isfinite(axes.transData.transform([text.xy for text in axes.texts])).all()
    assert accuracy_png(points, "int8 accuracy, %").startswith(b"\x89PNG")


def test_the_command_draws_what_is_measured_and_refuses_what_it_cannot(tmp_path, monkeypatch, capsys, package):
    package("matplotlib", "pip install 'kws-edge[train]'")
    package("plotly", "pip install 'kws-edge[explore]'")

    def draw(*arguments: str, code: int) -> str:
        with pytest.raises(SystemExit, match=str(code)):
            main(["models", *arguments])
        return capsys.readouterr().err

    draw("ds_resnet", "--plot", str(tmp_path / "m.png"), code=0)
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    draw("ds_resnet", "--plot", str(tmp_path / "m.html"), code=0)
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "ds_resnet-S" in page and "ds_cnn-S" not in page
    assert "ends in .png or .html" in draw("--plot", str(tmp_path / "m.svg"), code=2)
    assert "leave out --price" in draw("--price", "--plot", str(tmp_path / "m.png"), code=2)
    monkeypatch.setattr("kws_edge.sweep.catalogue.MEASURED", tmp_path / "nothing.toml")
    (tmp_path / "nothing.toml").write_text("")
    assert "none of these networks was measured" in draw("--plot", str(tmp_path / "none.png"), code=2)
    assert not (tmp_path / "none.png").exists()


def test_a_file_that_new_prices_cannot_join_is_found_before_minutes_of_pricing(tmp_path, monkeypatch, capsys, package):
    for module in ("tensorflow", "tflite_micro"):
        package(module, "pip install 'kws-edge[train]'")
    path = tmp_path / "prices.toml"
    path.write_text("[[price]]\npreset = 3\n")
    monkeypatch.setattr("kws_edge.sweep.catalogue.price_all", lambda *_: pytest.fail("priced"))
    with pytest.raises(SystemExit, match="2"):
        main(["models", "tiny_conv", "--price", "--write", str(path)])
    assert "prices.toml [[price]]: preset = 3; expected str" in capsys.readouterr().err


def test_every_preset_is_priced_as_its_family_has_it(prices, package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    from kws_edge.models import FAMILIES, family_module, preset_features

    for arch in FAMILIES:
        for preset, options in family_module(arch).PRESETS.items():
            priced = prices[preset]
            assert (priced.arch, priced.options, priced.features) == (arch, options, preset_features(arch, preset)), (
                f"kws-edge models {preset} --price --write {PRICES}"
            )


def test_a_stranger_is_not_priced_in_silence(package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    with pytest.raises(SettingsError, match="no model 'ds_cmn'"):
        price_all(["ds_cnn-S", "ds_cmn"])


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["ds_cnn-S", "sparknet", "tiny_conv"])
def test_prices_are_what_is_built_today(preset, prices, package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    own = prices[preset]
    (built,) = [one for one in price_all([preset]) if (one.preset, one.features) == (preset, own.features)]
    # the names of layers that the file holds count the networks that a process has built
    assert built.file_bytes == pytest.approx(own.file_bytes, abs=100)
    assert dataclasses.replace(built, file_bytes=own.file_bytes) == own


@pytest.mark.parametrize("width", [66, 80, 120, 500])
def test_a_narrow_terminal_gets_the_columns_that_fit_and_the_names_of_the_others(width):
    table, _, notes = catalogue_table(catalogue(()), width=width).partition("\n\n")
    lines = table.splitlines()
    assert len(lines[1]) <= width
    for kept in ("model", "MACs", "weights B", "RAM B", "int8 %"):
        assert kept in lines[0]
    left_out = [head for head in ("minutes", "features", "M4 instructions") if head not in lines[0]]
    assert all(head in notes.splitlines()[0] for head in left_out)
    assert ("No room" in notes) == (width < 500)
    assert len(lines) == 2 + len(catalogue(()))
