"""Sound as it comes, however it comes: the samples are those of the recording."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.corpus.audio import decode
from kws_edge.corpus.live import file_blocks, microphone_blocks, pipe_blocks
from kws_edge.errors import CorpusError, KwsEdgeError, SettingsError

RATE = 8000


class Dripping(io.BytesIO):
    """A pipe that gives at most 100 bytes at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size if size is not None and size >= 0 else 100, 100))


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    rng = np.random.default_rng(0)
    seconds = np.arange(int(3.33 * RATE)) / RATE
    sound = 9000 * np.sin(2 * np.pi * (300 + 200 * seconds) * seconds) + rng.normal(scale=500, size=len(seconds))
    return sound.astype(np.int16)


def wav(samples: np.ndarray, rate: int, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=subtype)
    return buffer.getvalue()


def test_samples_at_the_models_rate_come_untouched(speech: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(speech, RATE))
    sources = {
        "file": file_blocks(tmp_path / "a.wav", RATE),
        "pipe": pipe_blocks(Dripping(wav(speech, RATE)), RATE),
        "raw": pipe_blocks(Dripping(speech.astype("<i2").tobytes()), RATE),
    }
    for name, blocks in sources.items():
        assert np.array_equal(np.concatenate(list(blocks)), speech), name


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
def test_other_rates_and_channels_are_those_of_the_whole_recording(
    rate: int, speech: np.ndarray, tmp_path: Path
) -> None:
    stereo = np.stack([speech, speech // 2], axis=1)
    (tmp_path / "a.wav").write_bytes(wav(stereo, rate))
    whole = decode(tmp_path / "a.wav", RATE)
    for blocks in (file_blocks(tmp_path / "a.wav", RATE), pipe_blocks(Dripping(wav(stereo, rate)), RATE)):
        streamed = np.concatenate(list(blocks))
        assert abs(len(streamed) - len(whole)) <= 1
        common = min(len(streamed), len(whole))
        assert np.abs(streamed[:common].astype(int) - whole[:common]).max() <= 1


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT"])
def test_other_kinds_of_wav_from_a_pipe(subtype: str, speech: np.ndarray) -> None:
    data = wav(speech / 32768, RATE, subtype)
    assert np.array_equal(np.concatenate(list(pipe_blocks(Dripping(data), RATE))), speech)


def test_raw_samples_may_have_another_rate(speech: np.ndarray) -> None:
    heard = np.concatenate(list(pipe_blocks(io.BytesIO(speech.tobytes()), RATE, raw_rate_hz=16000)))
    assert len(heard) == pytest.approx(len(speech) / 2, abs=2)


def test_what_cannot_be_heard_says_why(tmp_path: Path, speech: np.ndarray) -> None:
    (tmp_path / "text.wav").write_text("no sound at all")
    for path, expected in ((tmp_path / "text.wav", "not readable as audio"), (tmp_path / "none.wav", "none.wav")):
        with pytest.raises(CorpusError, match=expected):
            list(file_blocks(path, RATE))
    with pytest.raises(CorpusError, match="8 bits"):
        list(pipe_blocks(io.BytesIO(wav(speech, RATE, "PCM_U8")), RATE))
    with pytest.raises(CorpusError, match="without samples"):
        list(pipe_blocks(io.BytesIO(wav(speech, RATE)[:30]), RATE))


def test_a_file_is_refused_for_what_decode_refuses(tmp_path: Path, speech: np.ndarray) -> None:
    """Half of a recording, heard without a word, is taken for all of it."""
    broken = {
        "none.wav": None,
        "empty.wav": b"",
        "text.wav": b"no sound at all",
        "half.wav": wav(speech, RATE)[: len(speech)],
        "silent.wav": wav(speech[:0], RATE),
    }
    (tmp_path / "folder.wav").mkdir()
    for name, content in broken.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    for name in (*broken, "folder.wav"):
        with pytest.raises(CorpusError) as of_decode:
            decode(tmp_path / name, RATE)
        with pytest.raises(CorpusError) as of_blocks:
            list(file_blocks(tmp_path / name, RATE))
        assert str(of_blocks.value) == str(of_decode.value)


@pytest.mark.parametrize("data", [b"", wav(np.zeros(0, np.int16), RATE), b"\x00"])
def test_a_pipe_without_a_sample_is_an_error(data: bytes) -> None:
    """What was to record into it has failed."""
    with pytest.raises(CorpusError, match="standard input: holds no samples"):
        list(pipe_blocks(io.BytesIO(data), RATE))


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "AIFF", "RF64", "CAF"])
def test_another_format_is_not_taken_for_raw_samples(kind: str, speech: np.ndarray) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, speech, RATE, format=kind)
    with pytest.raises(CorpusError, match="pipe a WAV or raw 16-bit samples, or name the file with --wav"):
        list(pipe_blocks(io.BytesIO(buffer.getvalue()), RATE))


def test_a_microphone_that_is_not_there_says_what_would_help() -> None:
    """Whatever this machine lacks, the message is one line with a way out; no machine has a microphone of this name."""
    with pytest.raises(KwsEdgeError, match=r"kws-edge\[mic\]|libportaudio2|--device no such microphone") as caught:
        next(microphone_blocks(RATE, device="no such microphone"))
    assert not isinstance(caught.value, SettingsError) or "--device" in str(caught.value)
