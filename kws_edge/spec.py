"""Every number that shapes a model, frozen: the front end (`FeatureSpec`), the corpus, augmentation and detection."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from kws_edge.errors import SettingsError
from kws_edge.settings import to_mapping

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SILENCE = "silence"
UNKNOWN = "unknown"


def require(condition: bool, message: str) -> None:
    """Raise SettingsError with `message` unless `condition` holds."""
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """The front end, whole: whatever `tables.py`, the C core and a model's input need derives from these fields.

    The convention for ``kind="mfcc"`` is python_speech_features': pre-emphasis over the signal, power spectrum
    ``|X|^2 / fft_length`` of samples at int16 scale, triangular filters between floored bin edges, natural logarithm,
    orthonormal DCT-II, sinusoidal lifter. An int8 feature is ``round((x - mean) / std / scale) + zero_point``, clipped.
    """

    kind: Literal["mfcc", "log_spectrogram", "waveform"] = "mfcc"
    # samples per second; 4 kHz of bandwidth holds every mel band that the classic front ends use
    sample_rate_hz: int = 8000
    # milliseconds of audio that one inference sees
    clip_ms: int = 1000
    # milliseconds under one analysis window; 32 ms at 8 kHz is 256 samples, a whole FFT without padding
    window_ms: float = 32.0
    # milliseconds between the starts of two windows; 20 ms makes 49 frames a second, MLPerf Tiny's shape
    window_stride_ms: float = 20.0
    # points of the transform; 0 takes the smallest supported length that holds a window
    fft_length: int = 0
    # shape of the analysis window, symmetric
    window_function: Literal["hann", "hamming", "rectangular"] = "hann"
    # y[t] = x[t] - preemphasis * x[t - 1], 0 to below 1; lifts the consonants, 0.97 is the speech custom
    preemphasis: float = 0.97
    # triangular filters on the mel scale, 10 to 40
    mel_bands: int = 26
    # Hz, lower edge of the first filter; below 20 Hz there is only handling noise
    mel_lower_hz: float = 20.0
    # Hz, upper edge of the last filter; 0 is half the sample rate
    mel_upper_hz: float = 0.0
    # cepstral coefficients kept, 8 to 20 and no more than mel_bands
    coefficients: int = 10
    # python_speech_features' `ceplifter`; 0 is none; folded into the DCT matrix, so it costs nothing
    cepstral_lifter: int = 22
    # replace coefficient 0 by the logarithm of the frame's energy, as python_speech_features does by default
    append_energy: bool = False
    # 0, 1 (first differences) or 2 (second too) appended as further columns, causal regression over 5 frames
    deltas: int = 0
    # smallest energy that enters the logarithm, in units of the power spectrum; 1.0 is below the least significant
    # bit of int16 audio and keeps every logarithm at or above zero; 0 is python_speech_features' rule (0 -> epsilon)
    energy_floor: float = 1.0
    # per column, in units of the feature: subtracted before quantization; empty is 0; measured by `train`
    mean: tuple[float, ...] = ()
    # per column, positive: divided by before quantization; empty is 1; measured by `train`
    std: tuple[float, ...] = ()
    # value of one int8 step; the model's input tensor has exactly this scale; 0.75 spans +-96, where all but 0.01 % of
    # liftered cepstra of real speech lie (other kinds and calibrated specs bring their own)
    scale: float = 0.75
    # int8 value that stands for 0.0, -128 to 127; the model's input tensor has exactly this zero point
    zero_point: int = 0

    def __post_init__(self) -> None:
        require(4000 <= self.sample_rate_hz <= 48000, f"sample_rate_hz = {self.sample_rate_hz}; use 4000 to 48000")
        require(100 <= self.clip_ms <= 10000, f"clip_ms = {self.clip_ms}; use 100 to 10000")
        require(math.isfinite(self.scale) and self.scale > 0, f"scale = {self.scale}; it must be positive")
        require(-128 <= self.zero_point <= 127, f"zero_point = {self.zero_point}; use -128 to 127")
        require(
            self.kind == "mfcc" or self.deltas == 0,
            f"deltas = {self.deltas}; a {self.kind} has none, only kind mfcc does",
        )
        if self.kind == "waveform":
            self._check_columns()
            return
        require(
            0 < self.window_ms <= self.clip_ms,
            f"window_ms = {self.window_ms} does not fit clip_ms = {self.clip_ms}; use 20 to 40",
        )
        # the ends of a Hann window are 0
        least = 3 if self.window_function == "hann" else 2
        require(self.window_samples >= least, f"window_ms = {self.window_ms}; a window needs {least} samples or more")
        require(
            0 < self.window_stride_ms < math.inf and self.stride_samples >= 1,
            f"window_stride_ms = {self.window_stride_ms}; use 10 to 20 (0 or less would give 0 frames)",
        )
        for name in ("window_ms", "window_stride_ms"):
            samples = getattr(self, name) * self.sample_rate_hz / 1000
            require(
                abs(samples - round(samples)) < 1e-6,
                f"{name} = {getattr(self, name)} is {samples:g} samples at {self.sample_rate_hz} Hz; use whole ones",
            )
        require(
            self.fft_length == 0 or self.fft_length >= self.window_samples,
            f"fft_length = {self.fft_length} is shorter than the window of {self.window_samples} samples; use 0",
        )
        require(0 <= self.preemphasis < 1, f"preemphasis = {self.preemphasis}; use 0 to below 1")
        require(self.energy_floor >= 0, f"energy_floor = {self.energy_floor}; it must not be negative")
        if self.kind == "mfcc":
            self._check_cepstrum()
        self._check_columns()

    def _check_cepstrum(self) -> None:
        half = self.sample_rate_hz / 2
        require(
            self.mel_upper_hz <= half,
            f"mel_upper_hz = {self.mel_upper_hz} is above half the sample rate ({half:g} Hz); use 0 for exactly half",
        )
        require(
            0 <= self.mel_lower_hz < self.mel_upper_edge_hz,
            f"mel_lower_hz = {self.mel_lower_hz} must be at least 0 and below {self.mel_upper_edge_hz:g}",
        )
        require(1 <= self.mel_bands <= 128, f"mel_bands = {self.mel_bands}; use 10 to 40")
        require(
            1 <= self.coefficients <= self.mel_bands,
            f"coefficients = {self.coefficients}; use 1 to mel_bands = {self.mel_bands}",
        )
        require(self.cepstral_lifter >= 0, f"cepstral_lifter = {self.cepstral_lifter}; use 0 for none")
        require(self.deltas in (0, 1, 2), f"deltas = {self.deltas}; use 0, 1 or 2")

    def _check_columns(self) -> None:
        for name in ("mean", "std"):
            values = getattr(self, name)
            require(
                len(values) in (0, self.columns) and all(map(math.isfinite, values)),
                f"{name} has {len(values)} values; give {self.columns} finite ones or none",
            )
        require(all(value > 0 for value in self.std), "std has a value that is not positive")

    @property
    def clip_samples(self) -> int:
        """Samples in one clip."""
        return self.clip_ms * self.sample_rate_hz // 1000

    @property
    def window_samples(self) -> int:
        """Samples under one window."""
        return round(self.window_ms * self.sample_rate_hz / 1000)

    @property
    def stride_samples(self) -> int:
        """Samples between two windows."""
        return round(self.window_stride_ms * self.sample_rate_hz / 1000)

    @property
    def mel_upper_edge_hz(self) -> float:
        """Upper edge of the last mel filter, in Hz."""
        return self.mel_upper_hz or self.sample_rate_hz / 2

    @property
    def transform_length(self) -> int:
        """Points of the FFT: `fft_length`, or the smallest of 2^n, 5*2^n (n >= 4) that holds a window."""
        if self.fft_length:
            return self.fft_length
        return min(base << n for base in (1, 5) for n in range(4, 20) if base << n >= self.window_samples)

    @property
    def frames(self) -> int:
        """Rows of features in one clip; windows never reach past its end."""
        if self.kind == "waveform":
            return self.clip_samples
        return 1 + (self.clip_samples - self.window_samples) // self.stride_samples

    @property
    def columns(self) -> int:
        """Values in one row of features."""
        if self.kind == "waveform":
            return 1
        if self.kind == "log_spectrogram":
            return self.transform_length // 2 + 1
        return self.coefficients * (1 + self.deltas)

    @property
    def shape(self) -> tuple[int, int]:
        """`(frames, columns)` of one clip's features."""
        return self.frames, self.columns

    def sha256(self) -> str:
        """Hash of every field: two specs with one hash compute the same features."""
        return hashlib.sha256(json.dumps(to_mapping(self), sort_keys=True).encode()).hexdigest()

    def normalized(self, mean: tuple[float, ...], std: tuple[float, ...]) -> FeatureSpec:
        """This spec with measured column statistics; one int8 step is then 1/32 of a standard deviation."""
        return dataclasses.replace(self, mean=mean, std=std, scale=1 / 32, zero_point=0)


@dataclass(frozen=True, kw_only=True)
class CorpusSettings:
    """Which recordings become which labels."""

    # words to spot, in the order of the model's outputs; silence and unknown follow them
    keywords: tuple[str, ...] = KEYWORDS
    # clips of other words for each keyword clip, at most; 0.25 keeps all that a balanced corpus has
    unknown_share: float = 0.25
    # clips of silence made for each keyword clip; 0.1 is the challenge's share
    silence_share: float = 0.1
    # part of the silence that is digital zero, the rest is background noise at a random gain
    digital_silence_share: float = 0.1
    # percent of speakers that the SHA-1 rule puts into validation and testing, where no list files exist
    validation_percent: float = 10.0
    testing_percent: float = 10.0
    # recordings left out of training and validation, as paths below the corpus folder; the testing split keeps all of
    # its clips, because a figure must not improve by leaving out what is hard
    exclude: tuple[str, ...] = ()
    # cut the silence before and after the speech of training clips and put the speech into their middle; a device gets
    # no trimmed audio, so the other splits stay as they were recorded
    trim: bool = False

    def __post_init__(self) -> None:
        require(len(self.keywords) >= 1, "keywords is empty; name at least one word")
        require(len(set(self.keywords)) == len(self.keywords), f"keywords = {self.keywords} names a word twice")
        reserved = {SILENCE, UNKNOWN} & set(self.keywords)
        require(not reserved, f"keywords holds {sorted(reserved)}, which the corpus makes itself; leave it out")
        for name in ("unknown_share", "silence_share", "digital_silence_share"):
            require(0 <= getattr(self, name) <= 10, f"{name} = {getattr(self, name)}; use 0 to 10")
        require(self.digital_silence_share <= 1, f"digital_silence_share = {self.digital_silence_share}; use 0 to 1")
        require(
            min(self.validation_percent, self.testing_percent) >= 0
            and self.validation_percent + self.testing_percent < 100,
            "validation_percent and testing_percent must leave something for training",
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's outputs in order: the keywords, silence, unknown."""
        return (*self.keywords, SILENCE, UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """What happens to a training clip's waveform, anew in every epoch."""

    # milliseconds, uniform in +-: where the word lies in the clip is unknown on a device
    time_shift_ms: float = 100.0
    # decibels, uniform in +-: distance and microphone gain
    gain_db: float = 10.0
    # fraction, uniform in +-: how fast people speak; 0.1 is 0.9 to 1.1 times
    speed: float = 0.1
    # part of the clips that get noise
    noise_probability: float = 0.8
    # decibels, uniform: signal-to-noise ratio of that noise
    snr_low_db: float = 0.0
    snr_high_db: float = 30.0
    # part of the noisy clips whose noise is a synthetic colour instead of a background recording
    synthetic_noise_share: float = 0.3
    # draw silence anew for every batch, from background recordings and synthetic colours: a network soon knows by heart
    # what is cut once from a handful of recordings, and mistakes other moments of them. Off, because the default recipe
    # is what published figures were measured with
    fresh_silence: bool = False
    # decibels, at most, up or down: each voice goes through a smooth random filter, as microphones have one, before
    # noise is added; it asks for more epochs than the default
    equalizer_db: float = 0.0
    # milliseconds, at most, in which a random room's echo of the voice falls by 60 dB; 0 is the open field
    reverberation_ms: float = 0.0
    # milliseconds, at most: one stretch of each clip's features is replaced by the mean (SpecAugment's time mask)
    time_mask_ms: float = 0.0
    # columns, at most: one run of each clip's feature columns is replaced by the mean (SpecAugment's frequency mask)
    column_mask: int = 0

    def __post_init__(self) -> None:
        for name in ("noise_probability", "synthetic_noise_share"):
            require(0 <= getattr(self, name) <= 1, f"{name} = {getattr(self, name)}; use 0 to 1")
        require(0 <= self.speed < 0.5, f"speed = {self.speed}; use 0 to below 0.5")
        require(0 <= self.time_shift_ms <= 10000, f"time_shift_ms = {self.time_shift_ms}; use 0 to 10000")
        require(0 <= self.gain_db <= 200, f"gain_db = {self.gain_db}; use 0 to 200")
        require(self.snr_low_db <= self.snr_high_db, "snr_low_db must not exceed snr_high_db")
        for name in ("snr_low_db", "snr_high_db"):
            require(abs(getattr(self, name)) <= 200, f"{name} = {getattr(self, name)}; use -200 to 200")
        require(0 <= self.equalizer_db <= 60, f"equalizer_db = {self.equalizer_db}; use 0 to 60")
        rings = self.reverberation_ms
        require(rings == 0 or 50 <= rings <= 2000, f"reverberation_ms = {rings}; use 0, or 50 to 2000")
        require(0 <= self.time_mask_ms <= 10000, f"time_mask_ms = {self.time_mask_ms}; use 0 to 10000")
        require(0 <= self.column_mask <= 1000, f"column_mask = {self.column_mask}; use 0 to 1000")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The recipe. One seed gives one result on one machine."""

    # passes over the training clips in float
    epochs: int = 60
    # passes in quantization-aware training, warm-started from the best float weights
    qat_epochs: int = 15
    # clips per step
    batch_size: int = 100
    # peak of the cosine schedule of each phase
    learning_rate: float = 3e-3
    qat_learning_rate: float = 5e-4
    # decoupled (AdamW); on kernels alone
    weight_decay: float = 1e-3
    # against the labels: cross entropy, or binary cross entropy of every softmax probability on its own, which the
    # challenge's light-weight CNN was trained with
    loss: Literal["cross_entropy", "binary_cross_entropy"] = "cross_entropy"
    # probability mass spread over all labels
    label_smoothing: float = 0.1
    # how far scarce labels are drawn more often: 0 as they come, 1 all labels equally often
    class_balance: float = 0.5
    # synthesized clips added for each recorded one, scarce labels first; 0 adds none
    synth_share: float = 0.0
    # alpha of the Beta distribution that mixes pairs of clips and their labels; 0 mixes none
    mixup: float = 0.0
    # weight of the teachers' answers in the loss, the labels have the rest; nothing without `train --teacher`
    distillation: float = 0.7
    # divides teachers' and student's logits before they are compared: above 1 the second guesses count more
    temperature: float = 2.0
    # decay per step of the averaged weights, which are what is validated and kept; 0 keeps the last ones
    weight_average: float = 0.995
    # activation ranges by gradient descent; false follows a moving average of the extremes
    learned_ranges: bool = True
    # measure each feature column's mean and deviation on the training clips and put them into the front end
    normalize: bool = True
    # of everything random: initial weights, order, augmentation
    seed: int = 0

    def __post_init__(self) -> None:
        require(1 <= self.epochs <= 100_000, f"epochs = {self.epochs}; use 1 or more")
        require(1 <= self.qat_epochs <= 100_000, f"qat_epochs = {self.qat_epochs}; use 1 or more")
        require(1 <= self.batch_size <= 10_000, f"batch_size = {self.batch_size}; use 1 to 10000")
        for name in ("learning_rate", "qat_learning_rate"):
            require(0 < getattr(self, name) <= 1, f"{name} = {getattr(self, name)}; use above 0 to 1")
        for name in ("label_smoothing", "weight_average"):
            require(0 <= getattr(self, name) < 1, f"{name} = {getattr(self, name)}; use 0 to below 1")
        require(0 <= self.synth_share <= 10, f"synth_share = {self.synth_share}; use 0 to 10")
        require(0 <= self.mixup <= 10, f"mixup = {self.mixup}; use 0 to 10")
        require(0 <= self.distillation <= 1, f"distillation = {self.distillation}; use 0 to 1")
        require(0 < self.temperature <= 100, f"temperature = {self.temperature}; use above 0 to 100")
        require(0 <= self.weight_decay <= 1, f"weight_decay = {self.weight_decay}; use 0 to 1")
        require(0 <= self.class_balance <= 1, f"class_balance = {self.class_balance}; use 0 to 1")
        require(0 <= self.seed < 2**32, f"seed = {self.seed}; use 0 to {2**32 - 1}")


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Which network, and its shape."""

    # family, as `kws-edge models` lists them, or path/to/file.py:function
    arch: str = "ds_cnn"
    # hash of that file, found by `train`; None for a family
    source_sha256: str | None = None
    # the family's own settings, such as width
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """How a row of model outputs becomes a detection on a stream."""

    # milliseconds between two inferences, rounded to whole rows of features; every 100 ms a word of half a second is
    # seen whole several times
    inference_stride_ms: float = 100.0
    # inferences whose probabilities are averaged into the score; 1 is none: on streams, a keyword that leads several
    # times in a row is told from other speech as well as one whose average is high, and at equal misses sooner
    smoothing_window: int = 1
    # score, 0 to 1, from which a keyword is a hit. Of the settings that accept as many falsely, this one and the count
    # of 4 miss the fewest words that follow one another closely, and few of those that stand alone (docs/detection.md).
    # `kws-edge calibrate` finds the settings for a product
    threshold: float = 0.65
    # keyword to a threshold of its own, for words that are missed or invented more often than others
    thresholds: dict[str, float] = field(default_factory=dict)
    # inferences in a row in which one keyword is the hit with the highest score, before it is detected. A word of half
    # a second is whole in a one-second clip for some six of ten a second, a syllable that resembles one for fewer; of
    # two words that are in the clip together each has fewer too, so more than 4 would miss those
    minimum_count: int = 4
    # milliseconds after a detection in which nothing counts; short, for the next word to be heard. A keyword whose
    # outputs stay high is not detected again in any case, and with this count none of 1,900 spoken ones was
    refractory_ms: int = 400

    def __post_init__(self) -> None:
        require(
            1 <= self.inference_stride_ms <= 10000,
            f"inference_stride_ms = {self.inference_stride_ms}; use 1 to 10000",
        )
        require(1 <= self.smoothing_window <= 64, f"smoothing_window = {self.smoothing_window}; use 1 to 64")
        require(0 < self.threshold <= 1, f"threshold = {self.threshold}; use above 0 to 1")
        for word, threshold in self.thresholds.items():
            require(0 < threshold <= 1, f"thresholds.{word} = {threshold}; use above 0 to 1")
        require(1 <= self.minimum_count <= 64, f"minimum_count = {self.minimum_count}; use 1 to 64")
        require(0 <= self.refractory_ms <= 60000, f"refractory_ms = {self.refractory_ms}; use 0 to 60000")

    def threshold_of(self, word: str) -> float:
        """Score from which `word` is a hit."""
        return self.thresholds.get(word, self.threshold)
