"""Planted faults are found and named; what is found becomes a table, JSON, an exit code and a list for train."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from planted_faults import FAULTS, named, plant, quiet

from kws_edge.cli import main
from kws_edge.corpus import load_corpus
from kws_edge.corpus.exclusion import read_exclusions
from kws_edge.explore.analysis import Analysis, analyse
from kws_edge.explore.doubtful_labels import FOLDS, _calibrated
from kws_edge.explore.findings import MISLABELLED
from kws_edge.explore.measurements import flat_share
from kws_edge.explore.page.closeup import chosen_rows
from kws_edge.explore.recordings import open_recordings
from kws_edge.spec import CorpusSettings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path: Path) -> Run:
    """`run("data", "check", ...)` is (exit code, stdout, stderr) of `kws-edge data check ...`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KWS_EDGE_DATA", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def analysed(folder: Path, cache: Path) -> Analysis:
    return analyse(open_recordings(folder, stage=quiet, cache_dir=cache), stage=quiet, cache_dir=cache)


@pytest.mark.slow
def test_every_planted_fault_is_found_and_named(tmp_path: Path, speech_commands: Path, package, run: Run) -> None:
    package("sklearn", "pip install 'kws-edge[explore]'")
    folder, listed = tmp_path / "copy", tmp_path / "exclude.txt"
    planted, clean = plant(speech_commands, folder, seed=0, clips_per_word=250)
    code, out, _ = run("data", "check", str(folder), "--json", "--write", str(listed))
    report = json.loads(out)
    assert code == 1 and report["faults"] > 0
    found = {
        fault: {
            name
            for finding in report["findings"]
            if finding["kind"] in kinds
            for name in (finding["name"], finding["other"])
        }
        for fault, kinds in FAULTS.items()
    }
    missed = {fault: sorted(names - found[fault]) for fault, names in planted.items() if names - found[fault]}
    assert not missed
    for fault in ("duplicated across splits", "cut to 0.1 s", "44.1 kHz stereo", "speaker in two splits"):
        assert not found[fault] & clean
    # a corpus in which every fault was planted is one that train takes, without the faults
    excluded = read_exclusions(listed)
    assert sorted(excluded) == sorted(report["excluded"])
    words = tuple(sorted({name.split("/")[0] for name in clean}))[:3]
    settings = CorpusSettings(keywords=words, exclude=excluded)
    corpus = load_corpus(folder, settings, sample_rate_hz=8000, clip_samples=8000, cache_dir=tmp_path / "cache")
    trained = set(corpus.split("train").names)
    assert len(trained) > 300 and not trained & set(excluded)
    assert not trained & planted["silent"] and not trained & planted["cut to 0.1 s"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two words of twelve speakers, noise bursts each unlike the others, without any fault."""
    rng = np.random.default_rng(3)
    for word in ("yes", "no"):
        for speaker in range(12):
            path = tmp_path / "data" / word / f"{speaker:08x}_nohash_0.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            loudness = 0.002 + 0.2 * np.exp(-((np.linspace(-4, 4, 16000) - rng.uniform(-1, 1)) ** 2))
            soundfile.write(path, np.clip(rng.normal(0, 1, 16000) * loudness, -0.99, 0.99), 16000)
    return tmp_path / "data"


def kinds_of(analysis: Analysis, name: str) -> set[str]:
    return {finding.kind.name for finding in analysis.findings if finding.name == name}


def test_a_clean_folder_passes(run: Run, folder: Path) -> None:
    code, out, _ = run("data", "check", str(folder))
    assert code == 0
    assert "nothing found" in out and "labels were not judged: too few clips" in out


def test_each_measured_fault_is_told_from_the_others(folder: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(folder / "yes" / "00000000_nohash_0.wav")
    soundfile.write(folder / "yes" / "00000000_nohash_0.wav", np.clip(4 * samples, -0.5, 0.5), rate)
    soundfile.write(folder / "yes" / "00000001_nohash_0.wav", 0.5 * samples[::-1] + 0.05, rate)
    soundfile.write(folder / "yes" / "00000002_nohash_0.wav", 1e-4 * samples, rate)
    soundfile.write(folder / "yes" / "00000003_nohash_0.wav", samples[6000:9000], rate)
    soundfile.write(folder / "yes" / "00000004_nohash_0.wav", np.stack([samples[1000:]] * 2, axis=1), 44100)
    (folder / "yes" / "00000005_nohash_0.wav").write_bytes(b"RIFF")
    # where only these two are tested, all of the faulty ones are in training
    (folder / "testing_list.txt").write_text("yes/0000000b_nohash_0.wav\nno/0000000b_nohash_0.wav\n")
    analysis = analysed(folder, tmp_path / "cache")
    expected = ("clipped", "dc_offset", "silent", "too_short", "odd_format", "unreadable")
    for number, kind in enumerate(expected):
        assert kinds_of(analysis, f"yes/{number:08x}_nohash_0.wav") == {kind}
    assert len({finding.name for finding in analysis.findings}) == len(expected)
    # what the front end mends is no reason to leave a recording out
    assert [name for name, _ in analysis.exclusions()] == [f"yes/{number:08x}_nohash_0.wav" for number in (2, 3)]
    asked = ("no/00000007_nohash_0.wav", "no/00000008_nohash_0.wav")
    for count in (1, 2, 3, 24, 99):
        chosen = [analysis.recordings.names[row] for row in chosen_rows(analysis, asked, count)]
        assert tuple(chosen[:2]) == asked and len(set(chosen)) == len(chosen) == min(max(count, 2), 23)


def test_clipping_is_seen_at_any_level_and_a_loud_tone_is_not_clipped() -> None:
    tone = 30000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert flat_share(np.rint(tone).astype(np.int16)) == 0
    for level in (32767, 12000, 3000):
        assert flat_share(np.rint(np.clip(tone, -0.7 * 30000, 0.7 * 30000) / 21000 * level).astype(np.int16)) > 0.3


@pytest.mark.parametrize("change", ["same bytes", "quieter", "later", "16 to 22.05 kHz"])
def test_a_copy_is_found_however_it_was_changed(folder: Path, tmp_path: Path, change: str) -> None:
    import soxr

    original = folder / "yes" / "00000004_nohash_0.wav"
    samples, rate = soundfile.read(original)
    changed = {
        "same bytes": samples,
        "quieter": 0.3 * samples,
        "later": np.concatenate([samples[-400:], samples[:-400]]),
        "16 to 22.05 kHz": soxr.resample(samples, 16000, 22050),
    }[change]
    copy = folder / "yes" / "0000ffff_nohash_0.wav"
    soundfile.write(copy, changed, 22050 if "22" in change else rate)
    (folder / "testing_list.txt").write_text("yes/0000ffff_nohash_0.wav\nno/00000009_nohash_0.wav\n")
    (folder / "no" / "00000009_nohash_0.wav").rename(folder / "no" / "0000fffe_nohash_0.wav")
    analysis = analysed(folder, tmp_path / "cache")
    (found,) = [finding for finding in analysis.findings if finding.kind.name == "duplicate_across_splits"]
    # the training clip gives way, not the one that is tested
    assert (found.name, found.other) == ("yes/00000004_nohash_0.wav", "yes/0000ffff_nohash_0.wav")
    assert found.excluded


def test_a_speaker_in_two_splits_is_named_and_can_be_excluded(run: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "testing_list.txt").write_text("yes/00000004_nohash_0.wav\n")
    listed = tmp_path / "list.txt"
    code, out, _ = run("data", "check", str(folder), "--write", str(listed))
    assert code == 1 and "speaker in two splits" in out
    assert read_exclusions(listed) == ("no/00000004_nohash_0.wav",)
    code, out, _ = run("data", "check", str(folder), "--exclude", str(listed))
    assert code == 0 and "(known)" in out


def test_a_speaker_who_is_alone_is_no_fault(run: Run, folder: Path, tmp_path: Path) -> None:
    """Whoever has recorded only themselves would be left with nothing to train on."""
    for take, path in enumerate(sorted(folder.rglob("*.wav"))):
        path.rename(path.with_name(f"me_{take}.wav"))
    code, out, _ = run("data", "check", str(folder), "--write", str(tmp_path / "list.txt"))
    assert code == 0, out
    assert "1 speaker(s) only" in out and read_exclusions(tmp_path / "list.txt") == ()


@pytest.mark.slow
def test_a_wrong_label_is_told_by_clips_of_other_speakers(tmp_path: Path, package) -> None:
    package("sklearn", "pip install 'kws-edge[explore]'")
    rng = np.random.default_rng(0)
    for word, pitch_hz in (("low", 400), ("high", 2400)):
        for speaker in range(60):
            time = np.arange(8000) / 8000
            envelope = np.exp(-(((time - rng.uniform(0.4, 0.6)) / 0.15) ** 2))
            wave = 0.3 * envelope * np.sin(2 * np.pi * pitch_hz * rng.uniform(0.9, 1.1) * time)
            path = tmp_path / "data" / word / f"{speaker:08x}_nohash_0.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, wave + rng.normal(0, 0.003, 8000), 8000)
    moved = tmp_path / "data" / "low" / "00000007_nohash_1.wav"
    (tmp_path / "data" / "high" / "00000007_nohash_0.wav").rename(moved)
    analysis = analysed(tmp_path / "data", tmp_path / "cache")
    assert [finding.name for finding in analysis.of_kind(MISLABELLED)] == ["low/00000007_nohash_1.wav"]
    assert named(analysis, "relabelled") >= {"low/00000007_nohash_1.wav", "high"}


def test_a_word_of_a_single_speaker_leaves_a_fold_with_nothing_to_choose_from(package) -> None:
    package("sklearn", "pip install 'kws-edge[explore]'")
    labels = np.array([0] * 95 + [1] * 5)
    fold = np.concatenate([np.arange(95) % FOLDS, [3] * 5])
    scores = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    log_probability = _calibrated(scores, labels, fold)
    alone = fold == 3
    assert (log_probability[alone] == log_probability[alone][0]).all() and log_probability[alone][0, 0] == 0
    np.testing.assert_allclose(np.exp(log_probability[~alone]).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("data", "check", "/no/such/folder"), "/no/such/folder: no such folder"),
        (("data", "check", ".", "--exclude", "gone.txt"), "gone.txt: No such file"),
        (("explore", "/no/such/folder"), "/no/such/folder: no such folder"),
        (("explore", "FOLDER", "--keywords", ", ,"), "keywords is empty"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run: Run, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*(str(folder) if argument == "FOLDER" else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err and len(err.strip().splitlines()) == 1
