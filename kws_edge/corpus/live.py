"""Sound as it comes, from a file, a pipe or a microphone, as blocks of mono int16 at a model's rate.

Nothing is held longer than a block, so a source may last for days. A mono 16-bit source at that rate comes through
untouched, sample for sample.
"""

from __future__ import annotations

import queue
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soxr

from kws_edge.corpus.audio import Samples, open_recording
from kws_edge.errors import CorpusError, DependencyError, SettingsError

# of sound in a block: files go through in fewer, live sound is heard at once
_FILE_BLOCK_S = 1.0
_LIVE_BLOCK_S = 0.1
# of sound that a slow listener may fall behind the microphone
_LONGEST_QUEUE_S = 10.0

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_HEADER_LIMIT_BYTES = 1 << 20
# first bytes of what would pass for raw samples, and be heard as noise
_NOT_FROM_A_PIPE = {b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"ID3": "an MP3 file", b"FORM": "an AIFF file"}
_NOT_FROM_A_PIPE |= {b"RF64": "an RF64 file", b"RIFX": "a big-endian WAV", b"caff": "a CAF file"}


class Converter:
    """Blocks of any rate and channels to mono int16 at `rate_hz`: channels averaged, resampled by soxr (HQ)."""

    def __init__(self, source_rate_hz: int, rate_hz: int) -> None:
        self._resampler = (
            None if source_rate_hz == rate_hz else soxr.ResampleStream(source_rate_hz, rate_hz, 1, quality="HQ")
        )

    def convert(self, block: npt.NDArray[np.float32], *, last: bool = False) -> Samples:
        """int16[m] of float32[n, channels] in +-1; `last` gives what the resampler still holds."""
        block = np.nan_to_num(block)
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(np.ascontiguousarray(mono), last=last)
        scaled: Samples = np.clip(np.rint(mono * np.float32(32768)), -32768, 32767).astype(np.int16)
        return scaled


def file_blocks(path: Path, rate_hz: int) -> Iterator[Samples]:
    """The recording at `path`, in any format of libsndfile, a second at a time.

    Raises CorpusError if it cannot be read, is cut short or holds no samples.
    """
    with open_recording(path) as stream:
        if stream.frames == 0:
            raise CorpusError(f"{path}: holds no samples")
        converter = Converter(int(stream.samplerate), rate_hz)
        frames = round(_FILE_BLOCK_S * stream.samplerate)
        while len(block := stream.read(frames, dtype="float32", always_2d=True)):
            yield converter.convert(block)
        yield converter.convert(np.zeros((0, 1), np.float32), last=True)


def pipe_blocks(stream: BinaryIO, rate_hz: int, *, raw_rate_hz: int | None = None) -> Iterator[Samples]:
    """Sound from a pipe, as it arrives: a WAV if it begins as one, else raw mono 16-bit little-endian samples.

    `raw_rate_hz` is the rate of raw samples, `rate_hz` by default. Raises CorpusError for a WAV of a kind that cannot
    be read from a pipe, for other formats, and for a pipe that ends without a sample.
    """
    head = _read(stream, 12)
    for magic, name in _NOT_FROM_A_PIPE.items():
        if head.startswith(magic):
            raise CorpusError(f"standard input: {name}; pipe a WAV or raw 16-bit samples, or name the file with --wav")
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        kind, channels, source_rate_hz, bits = _wav_format(stream)
        head = b""
    else:
        kind, channels, source_rate_hz, bits = _PCM, 1, raw_rate_hz or rate_hz, 16
    converter = Converter(source_rate_hz, rate_hz)
    frame_bytes = channels * bits // 8
    heard = False
    block_bytes = max(round(_LIVE_BLOCK_S * source_rate_hz), 1) * frame_bytes
    while True:
        data = head + _read(stream, block_bytes - len(head))
        head = b""
        whole = data[: len(data) // frame_bytes * frame_bytes]
        last = len(data) < block_bytes
        heard = heard or len(whole) > 0
        if last and not heard:
            raise CorpusError("standard input: holds no samples")
        yield converter.convert(_decoded(whole, kind, bits).reshape(-1, channels), last=last)
        if last:
            return


def microphone_blocks(rate_hz: int, *, device: str | None = None) -> Iterator[Samples]:
    """Sound from a microphone, a tenth of a second at a time, without end.

    `device` is a number or a part of a name, as sounddevice takes it. Raises DependencyError without sounddevice or
    PortAudio, CorpusError without a microphone, SettingsError for a device that is none.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyError("--mic needs sounddevice: pip install 'kws-edge[mic]'") from error
    except OSError as error:
        raise DependencyError(f"--mic needs PortAudio: apt-get install libportaudio2 ({error})") from error
    chosen = int(device) if device is not None and device.isdigit() else device
    try:
        found = sounddevice.query_devices(chosen, "input")
    except (ValueError, sounddevice.PortAudioError) as error:
        if device is not None:
            raise SettingsError(f"--device {device}: {error}") from error
        raise CorpusError(f"no microphone here: {error}; connect one, or give --wav FILE or -") from error
    source_rate_hz = int(found["default_samplerate"])
    blocks: queue.Queue[npt.NDArray[np.float32]] = queue.Queue(round(_LONGEST_QUEUE_S / _LIVE_BLOCK_S))

    def receive(block: npt.NDArray[np.float32], _frames: int, _time: object, _status: object) -> None:
        if not blocks.full():
            blocks.put_nowait(block.copy())

    converter = Converter(source_rate_hz, rate_hz)
    try:
        with sounddevice.InputStream(
            samplerate=source_rate_hz,
            blocksize=round(_LIVE_BLOCK_S * source_rate_hz),
            device=chosen,
            channels=1,
            dtype="float32",
            callback=receive,
        ):
            while True:
                yield converter.convert(blocks.get())
    except sounddevice.PortAudioError as error:
        raise CorpusError(f"the microphone {found['name']} cannot be used: {error}") from error


def _read(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes, fewer only at the end: a pipe gives what it has."""
    parts = []
    while count > 0 and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _wav_format(stream: BinaryIO) -> tuple[int, int, int, int]:
    """Kind, channels, rate and bits of a WAV whose first 12 bytes were read; the stream is left at the first sample."""
    found: tuple[int, int, int, int] | None = None
    while len(header := _read(stream, 8)) == 8:
        name, length = struct.unpack("<4sI", header)
        if name == b"data" and found is not None:
            return found
        if length > _HEADER_LIMIT_BYTES:
            break
        chunk = _read(stream, length + length % 2)
        if name == b"fmt " and len(chunk) >= 16:
            kind, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
            if kind == _EXTENSIBLE and len(chunk) >= 26:
                kind = struct.unpack("<H", chunk[24:26])[0]
            if (kind, bits) not in ((_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32)) or not channels or not rate_hz:
                raise CorpusError(
                    f"standard input: a WAV of format {kind} with {bits} bits; pipe 16-bit samples instead"
                )
            found = kind, channels, rate_hz, bits
    raise CorpusError("standard input: a WAV without samples; pipe another, or raw 16-bit samples")


def _decoded(data: bytes, kind: int, bits: int) -> npt.NDArray[np.float32]:
    """float32[n] in +-1 of little-endian samples."""
    if kind == _FLOAT:
        return np.frombuffer(data, "<f4").astype(np.float32)
    if bits == 24:
        triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(triples), 4), np.uint8)
        wide[:, 1:] = triples
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    return np.frombuffer(data, f"<i{bits // 8}").astype(np.float32) / np.float32(2 ** (bits - 1))
