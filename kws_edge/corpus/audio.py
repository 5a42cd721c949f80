"""Read a recording of any rate, depth and channel count as mono int16 at the corpus's rate, and fit it to a clip."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from kws_edge.errors import CorpusError

Samples = npt.NDArray[np.int16]

# A file that claims to hold one word is read no further than this.
LONGEST_CLIP_S = 60
# A recording of background is read no further than this: 10 minutes hold more than training ever draws.
LONGEST_BACKGROUND_S = 600

_BLOCK_FRAMES = 1 << 20
_UNKNOWN_LENGTH = 0x7FFF0000


@contextmanager
def open_recording(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open `path` for reading; whatever is wrong with it, now or while it is read, is a CorpusError with the reason."""
    try:
        if path.stat().st_size == 0:
            raise CorpusError(f"{path}: empty file")
        missing = _missing_wav_bytes(path)
        if missing:
            raise CorpusError(f"{path}: cut short: its header promises {missing} bytes more than there are")
        with soundfile.SoundFile(path) as stream:
            yield stream
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from error
    except soundfile.LibsndfileError as error:
        raise CorpusError(f"{path}: not readable as audio: {error.error_string.strip().rstrip('.')}") from error
    except UnicodeEncodeError as error:
        raise CorpusError(f"{path}: its name is not valid Unicode; rename it") from error


def decode(path: Path, sample_rate_hz: int, *, longest_s: float = LONGEST_CLIP_S) -> Samples:
    """Read `path` as mono int16[samples] at `sample_rate_hz`, its first `longest_s` seconds at most.

    Channels are averaged, other rates resampled by soxr (its HQ setting: flat to 91 % of the narrower band, 20-bit
    precision), values rounded half to even and clipped to int16. Mono 16-bit files at `sample_rate_hz` come out
    untouched. Raises CorpusError, with the reason after the path, for a file that is empty, cut short, no audio, or
    that holds values that are not finite.
    """
    with open_recording(path) as stream:
        rate, promised = int(stream.samplerate), int(stream.frames)
        wanted = min(promised, int(longest_s * rate))
        mono = _read_mono(stream, wanted)
    if len(mono) == 0:
        raise CorpusError(f"{path}: holds no samples")
    if len(mono) < wanted:
        raise CorpusError(f"{path}: cut short: its header promises {promised} frames, {len(mono)} are there")
    if not np.isfinite(mono).all():
        raise CorpusError(f"{path}: holds values that are not numbers")
    if rate != sample_rate_hz:
        mono = soxr.resample(mono, rate, sample_rate_hz, quality="HQ")
    if len(mono) == 0:
        raise CorpusError(f"{path}: shorter than one sample at {sample_rate_hz} Hz")
    scaled: Samples = np.clip(np.rint(mono * np.float32(32768)), -32768, 32767).astype(np.int16)
    return scaled


def fit_to_clip(samples: Samples, clip_samples: int) -> Samples:
    """Make int16[samples] exactly int16[clip_samples].

    A shorter recording gets zeros after its end, as the Speech Commands loaders do; of a longer one the stretch with
    the most energy is kept, the earliest such.
    """
    if len(samples) <= clip_samples:
        return np.pad(samples, (0, clip_samples - len(samples)))
    energy = np.concatenate(([0], np.cumsum(samples.astype(np.int64) ** 2)))
    start = int(np.argmax(energy[clip_samples:] - energy[:-clip_samples]))
    return samples[start : start + clip_samples]


def wav_bytes(samples: Samples, sample_rate_hz: int) -> bytes:
    """A 16-bit mono WAV file of int16[samples], for the caller to write: libsndfile itself hides why a disk refuses."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate_hz, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _read_mono(stream: soundfile.SoundFile, frames: int) -> npt.NDArray[np.float32]:
    """The first `frames` frames as float32 in +-1, channels averaged block by block so that no block is ever large."""
    blocks: list[npt.NDArray[np.float32]] = []
    left = frames
    while left > 0:
        block = stream.read(min(left, _BLOCK_FRAMES // stream.channels + 1), dtype="float32", always_2d=True)
        if len(block) == 0:
            break
        blocks.append(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32))
        left -= len(block)
    if not blocks:
        return np.zeros(0, np.float32)
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _missing_wav_bytes(path: Path) -> int:
    """Bytes that the data chunk of a RIFF WAVE file promises beyond the file's end; 0 for any other file.

    libsndfile reads such a file without a word. Programs that record into a pipe cannot know the length and write one
    near 2 or 4 GiB: that promises nothing.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(chunk := stream.read(8)) == 8:
            kind, length = struct.unpack("<4sI", chunk)
            if kind == b"data":
                return 0 if length >= _UNKNOWN_LENGTH else max(0, stream.tell() + length - size)
            stream.seek(length + length % 2, 1)
    return 0
