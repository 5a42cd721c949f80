"""Whatever format a recording has, the same sound comes out; what cannot be trusted is refused with its reason."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.corpus.audio import decode, fit_to_clip, wav_bytes
from kws_edge.errors import CorpusError


def tone(frequency_hz: float, sample_rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz)


def difference_db(got: np.ndarray, wanted: np.ndarray) -> float:
    """Level of what differs against `wanted`, without the first and last 50 ms, where a resampler's filter rings."""
    inner = slice(len(wanted) // 20, -len(wanted) // 20)
    error = got[inner] / 32768 - wanted[inner]
    return float(10 * np.log10(np.mean(error**2) / np.mean(wanted[inner] ** 2)))


@pytest.mark.parametrize(
    ("suffix", "subtype", "below_db"),
    [
        (".wav", "PCM_U8", -35),
        (".wav", "PCM_16", -75),
        (".wav", "PCM_24", -75),
        (".wav", "PCM_32", -75),
        (".wav", "FLOAT", -75),
        (".wav", "DOUBLE", -75),
        (".wav", "ULAW", -25),
        (".flac", "PCM_16", -75),
        (".flac", "PCM_24", -75),
        (".ogg", "VORBIS", -20),
        (".aiff", "PCM_16", -75),
    ],
)
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_formats_depths_and_rates_sound_alike(
    tmp_path: Path, suffix: str, subtype: str, below_db: int, rate: int
) -> None:
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, tone(440, rate), rate, subtype=subtype)
    got = decode(path, 8000)
    assert got.dtype == np.int16 and got.shape == (8000,)
    assert difference_db(got, tone(440, 8000)) < below_db


def test_sixteen_bits_at_the_wanted_rate_come_out_untouched(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 8000).astype(np.int16)
    samples[:2] = -32768, 32767
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, samples, 8000, subtype="PCM_16")
        assert np.array_equal(decode(tmp_path / name, 8000), samples)


def test_resampling_leaves_nothing_above_half_the_rate(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "high.wav", tone(5000, 16000), 16000)
    folded = decode(tmp_path / "high.wav", 8000)[400:-400] / 32768
    assert 20 * np.log10(np.sqrt(np.mean(folded**2)) / 0.354) < -80


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(300, 8000), tone(500, 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), 8000, subtype="PCM_24")
    assert difference_db(decode(tmp_path / "stereo.wav", 8000), (left + right) / 2) < -75


def test_eight_channels_at_192_khz(tmp_path: Path) -> None:
    # enough of them that they are read in more than one block
    channels = np.stack([tone(440, 192000, 1.5) * gain for gain in np.linspace(0.2, 1.8, 8)], axis=1)
    soundfile.write(tmp_path / "array.wav", channels, 192000, subtype="PCM_24")
    got = decode(tmp_path / "array.wav", 8000)
    assert got.shape == (12000,)
    assert difference_db(got, tone(440, 8000, 1.5)) < -70


def test_chunks_before_and_after_the_sound_do_not_matter(tmp_path: Path) -> None:
    samples = (tone(440, 8000) * 32767).astype(np.int16)
    plain = wav_bytes(samples, 8000)
    chunk = b"LIST" + struct.pack("<I", 7) + b"INFOabc\0"  # odd length, so a padding byte follows
    body = plain[12:36] + chunk + plain[36:] + chunk
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)
    assert np.array_equal(decode(tmp_path / "a.wav", 8000), samples)


@pytest.mark.parametrize("length", [0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_wav_recorded_into_a_pipe_is_read_to_its_end(tmp_path: Path, length: int) -> None:
    samples = (tone(440, 8000) * 32767).astype(np.int16)
    piped = bytearray(wav_bytes(samples, 8000))
    piped[40:44] = struct.pack("<I", length)
    (tmp_path / "piped.wav").write_bytes(piped)
    assert np.array_equal(decode(tmp_path / "piped.wav", 8000), samples)


def test_a_loud_float_file_is_clipped_not_wrapped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.array([2.0, -2.0, 1.0, 0.0]), 8000, subtype="FLOAT")
    assert decode(tmp_path / "loud.wav", 8000).tolist() == [32767, -32768, 32767, 0]


def test_only_the_first_seconds_of_a_long_file_are_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", tone(440, 16000, 5.0), 16000)
    assert len(decode(tmp_path / "long.flac", 8000, longest_s=2.0)) == 16000


def truncated(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"a\.wav: empty file"):
        decode(tmp_path / "a.wav", 8000)


def test_a_text_named_wav_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is no sound\n" * 100)
    with pytest.raises(CorpusError, match=r"a\.wav: not readable as audio"):
        decode(tmp_path / "a.wav", 8000)


def test_a_truncated_wav_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(440, 8000), 8000, subtype="PCM_16")
    truncated(tmp_path / "a.wav", 44 + 6000)
    with pytest.raises(CorpusError, match=r"a\.wav: cut short: its header promises 10000 bytes more"):
        decode(tmp_path / "a.wav", 8000)


def test_a_truncated_wav_with_an_odd_chunk_before_its_sound_is_refused(tmp_path: Path) -> None:
    plain = wav_bytes(np.ones(8000, np.int16), 8000)
    chunk = b"LIST" + struct.pack("<I", 7) + b"INFOabc\0"
    (tmp_path / "a.wav").write_bytes(plain[:36] + chunk + plain[36:-10])
    with pytest.raises(CorpusError, match="promises 10 bytes more"):
        decode(tmp_path / "a.wav", 8000)


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_a_truncated_compressed_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16000), 8000)
    truncated(path, path.stat().st_size // 2)
    with pytest.raises(CorpusError, match=rf"a\{suffix}: "):
        decode(path, 8000)


def test_a_wav_header_without_samples_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(np.zeros(0, np.int16), 8000))
    with pytest.raises(CorpusError, match="holds no samples"):
        decode(tmp_path / "a.wav", 8000)


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan, 0.5]), 8000, subtype="FLOAT")
    with pytest.raises(CorpusError, match="not numbers"):
        decode(tmp_path / "a.wav", 8000)


def test_a_path_in_any_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "größer 日本" / "naïve–ключ.flac"
    path.parent.mkdir()
    soundfile.write(path, tone(440, 8000), 8000)
    assert difference_db(decode(path, 8000), tone(440, 8000)) < -75


def test_a_short_recording_gets_zeros_after_its_end() -> None:
    assert fit_to_clip(np.array([5, 6], np.int16), 4).tolist() == [5, 6, 0, 0]


def test_of_a_long_recording_the_loudest_stretch_is_kept() -> None:
    samples = np.zeros(40000, np.int16)
    samples[23000:27000] = 9000
    samples[100:200] = 20000
    clip = fit_to_clip(samples, 8000)
    assert clip.shape == (8000,)
    assert np.count_nonzero(clip == 9000) == 4000
    # full scale everywhere: the sum of squares needs 64 bits
    assert fit_to_clip(np.full(40000, -32768, np.int16), 8000).tolist() == [-32768] * 8000
