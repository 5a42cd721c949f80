"""A bench measures every engine that is here, and two benches compare to the integer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus
from kws_edge.errors import SettingsError
from kws_edge.reports.bench import bench_html, bench_markdown
from kws_edge.reports.bench_comparison import comparison_markdown
from kws_edge.verification.bench import Bench, run_bench
from kws_edge.verification.bench_comparison import compare
from kws_edge.verification.bench_findings import findings
from kws_edge.verification.engine_trial import EngineFigures
from kws_edge.verification.engines import engines
from kws_edge.verification.labelled_clips import chosen_clips


def test_what_is_no_bench_is_refused_by_name(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    for text, complaint in (
        ("{", "no JSON"),
        ("[]", "no bench"),
        ('{"format": 99}', "no bench"),
        ('{"format": 1}', "lacks"),
    ):
        bad.write_text(text)
        with pytest.raises(SettingsError, match=complaint) as refusal:
            compare(bad, bad)
        assert "bad.json" in str(refusal.value)
    with pytest.raises(SettingsError, match=r"good\.json: No such file"):
        compare(good, bad)


@pytest.fixture(scope="module")
def bench(trained_bundle: Bundle, tones: Corpus) -> Bench:
    clips = chosen_clips(tones, "test", 20)
    names = ("litert_float", "litert_xnnpack", "litert_reference", "tflite_runtime", "aot")
    return run_bench(trained_bundle, clips, threads=1, seconds=0.3, only=names)


@pytest.mark.slow
class TestOnATrainedBundle:
    @pytest.fixture
    def written(self, bench: Bench, tmp_path: Path) -> Callable[[str, dict[str, Any]], Path]:
        def write(name: str, changes: dict[str, Any]) -> Path:
            file = tmp_path / name
            file.write_text(json.dumps({**bench.to_json(), **changes}))
            return file

        return write

    def test_engines_that_are_here_have_all_figures_and_others_a_reason(self, bench: Bench) -> None:
        measured = {result.engine.name: result for result in bench.results if result.figures is not None}
        assert {"litert_float", "litert_xnnpack", "litert_reference"} <= set(measured)
        for result in measured.values():
            assert isinstance(result.figures, EngineFigures)
            latency, stream = result.figures.inference, result.figures.stream
            assert 0 < latency.p50_ms <= latency.p95_ms <= latency.p99_ms
            assert stream is not None
            assert stream.latency.p50_ms > 0
            assert stream.cpu_share is not None
            assert stream.paced_seconds >= 0.3
            assert result.figures.resident_bytes is not None
            assert result.figures.resident_bytes > 10 << 20
        assert all(result.failure for result in bench.results if result.figures is None)

    def test_the_engines_that_must_give_one_integer_give_it(self, bench: Bench) -> None:
        judged = {result.engine.name: result.clips for result in bench.results if result.clips is not None}
        assert bench.reference == "litert_reference, int8, 1 thread"
        hashes = {judged[name].outputs_sha256 for name in ("litert_reference", "aot") if name in judged}
        assert len(hashes) == 1
        assert judged["litert_reference"].different_outputs == 0
        assert judged["litert_reference"].accuracy > 0.5
        assert judged["litert_float"].outputs_sha256 is None

    def test_without_a_reference_nothing_is_said_to_be_equal(self, trained_bundle: Bundle, tones: Corpus) -> None:
        alone = run_bench(trained_bundle, chosen_clips(tones, "test", 8), threads=1, seconds=0, only=["litert_xnnpack"])
        assert alone.reference is None
        (result,) = alone.results
        assert result.clips is not None
        assert result.clips.accuracy > 0.5
        assert (result.clips.label_agreement, result.clips.largest_lsb, result.clips.different_outputs) == (None,) * 3
        assert not any("clips" in finding for finding in findings(alone))
        assert "litert_xnnpack" in bench_markdown(alone)

    def test_an_engine_that_dies_leaves_the_others_their_figures(self, trained_bundle: Bundle, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        for name, data in trained_bundle.files.items():
            (copy / name).write_bytes(data)
        # without its manifest the child cannot read it
        broken = dataclasses.replace(trained_bundle, path=copy)
        bench = run_bench(broken, None, threads=1, seconds=0, only=["litert_xnnpack"])
        (result,) = bench.results
        assert result.figures is None
        assert result.failure is not None
        assert "bundle" in result.failure

    def test_an_unknown_engine_names_the_known_ones(self, trained_bundle: Bundle) -> None:
        with pytest.raises(SettingsError, match="litert_reference"):
            run_bench(trained_bundle, None, threads=1, only=["onnx"])

    def test_threads_are_only_for_engines_that_share_work(self, trained_bundle: Bundle) -> None:
        threads = {(engine.name, engine.threads) for engine in engines(trained_bundle, threads=4)}
        assert {("litert_xnnpack", 1), ("litert_xnnpack", 4), ("litert_float", 4)} <= threads
        assert ("litert_reference", 4) not in threads
        assert ("aot", 4) not in threads

    def test_two_benches_of_one_machine_are_equal(
        self, bench: Bench, written: Callable[[str, dict[str, Any]], Path]
    ) -> None:
        comparison = compare(written("a.json", {}), written("b.json", {}))
        assert comparison.passed
        assert comparison.clips == len(chosen_clips_of(bench))
        assert comparison.same_features is True
        assert comparison.same_reference_outputs is True
        assert all(engine.speed == 1 for engine in comparison.engines)

    def test_other_features_or_outputs_fail_the_comparison(
        self, bench: Bench, written: Callable[[str, dict[str, Any]], Path]
    ) -> None:
        report = bench.to_json()
        for change in ("features", "outputs"):
            other = json.loads(json.dumps(report))
            if change == "features":
                other["recordings"]["features_sha256"] = "0"
            else:
                for engine in other["engines"]:
                    if engine["title"] == bench.reference:
                        engine["clips"]["outputs_sha256"] = "0"
            assert not compare(written("a.json", {}), written("b.json", other)).passed

    def test_other_recordings_are_not_compared(self, written: Callable[[str, dict[str, Any]], Path]) -> None:
        comparison = compare(written("a.json", {}), written("b.json", {"recordings": None}))
        assert comparison.clips is None
        assert comparison.same_reference_outputs is None
        assert comparison.passed

    def test_other_samples_of_the_same_recordings_are_said_to_be_that(
        self, bench: Bench, written: Callable[[str, dict[str, Any]], Path]
    ) -> None:
        report = bench.to_json()
        other = {"recordings": {**report["recordings"], "clips_sha256": "0", "features_sha256": "0"}}
        comparison = compare(written("a.json", {}), written("b.json", other))
        assert comparison.read_differently
        assert comparison.clips is None
        assert "resampling" in comparison_markdown(comparison)
        assert not compare(written("a.json", {}), written("b.json", {})).read_differently

    def test_it_says_when_int8_is_no_faster(self, bench: Bench) -> None:
        for factor, said in (
            (0.5, "2.0 times as fast as float"),
            (1.0, "no faster than float"),
            (3.0, "takes 3.0 times as long as"),
        ):
            assert any(said in finding for finding in findings(with_int8_at(bench, factor))), said

    def test_the_reports_name_every_engine(self, bench: Bench) -> None:
        # names may break after an underscore there
        markdown, page = bench_markdown(bench), bench_html(bench).replace("<wbr>", "")
        for result in bench.results:
            assert result.engine.title in markdown
            assert result.engine.title in page
        assert "<svg" in page
        assert "http://" not in page.replace("http://www.w3.org", "")

    def test_an_emulated_machine_is_said_everywhere(self, bench: Bench) -> None:
        machine = dataclasses.replace(bench.machine, emulator="qemu-aarch64")
        emulated = dataclasses.replace(bench, machine=machine)
        assert "qemu-aarch64 emulates this" in findings(emulated)[0]
        assert "emulated by qemu-aarch64" in bench_markdown(emulated).splitlines()[0]
        assert bench_html(emulated).count("emulated by qemu-aarch64") >= 3


def chosen_clips_of(bench: Bench) -> np.ndarray[Any, Any]:
    assert bench.recordings is not None
    return bench.recordings.labels


def with_int8_at(bench: Bench, factor: float) -> Bench:
    """`bench` as it would be if int8 took `factor` times as long as float."""
    figures = {r.engine.name: r.figures for r in bench.results if r.figures is not None}
    latency = figures["litert_float"].inference
    slower = dataclasses.replace(latency, p50_ms=factor * latency.p50_ms)
    results = tuple(
        dataclasses.replace(result, figures=dataclasses.replace(result.figures, inference=slower))
        if result.engine.name == "litert_xnnpack" and result.figures
        else result
        for result in bench.results
    )
    return dataclasses.replace(bench, results=results)
