"""What `kws-edge show` prints can be read, and copied into a TOML file."""

from __future__ import annotations

from kws_edge.cli.show import _lines


def test_every_line_stands_under_its_own_heading() -> None:
    lines = _lines({"path": "b", "labels": ["yes"], "input": {"scale": 0.5}, "operators": ["ADD", "CONV_2D"]})
    assert lines == [f"{'labels':24} yes", f"{'operators':24} ADD, CONV_2D", "", "[input]", f"{'scale':24} 0.5"]


def test_values_are_those_of_a_toml_file() -> None:
    model = {"options": {"kernels": [[5, 1], [7, 1]], "relu": False}, "sample_rate_hz": 16000}
    (_, _, options, rate) = _lines({"model": model})
    assert options.split(maxsplit=1) == ["options", "kernels = [[5, 1], [7, 1]], relu = false"]
    assert rate.split() == ["sample_rate_hz", "16000"]


def test_a_list_of_thousands_of_recordings_is_counted() -> None:
    (*_, exclude) = _lines({"corpus": {"exclude": [f"yes/{number}.wav" for number in range(3000)]}})
    assert "yes/99.wav" in exclude and "yes/100.wav" not in exclude
    assert exclude.endswith("3000 in all, which --json lists")


def test_a_file_has_its_size_and_hash() -> None:
    (*_, file) = _lines({"files": {"spec.toml": {"bytes": 2539, "sha256": "ab"}}})
    assert file == f"{'spec.toml':24} 2,539 bytes, sha256 ab"
