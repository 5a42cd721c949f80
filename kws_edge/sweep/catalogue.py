"""All families and their presets: what each costs and how good it is known to be, from two files in `kws_edge/models`.

`prices.toml` is written by `kws-edge models --price --write`; `measured.toml` by whoever trained and measured.
Neither reading needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kws_edge
from kws_edge.errors import ConversionError, SettingsError
from kws_edge.runtime.tflm import measure_arena
from kws_edge.settings import from_mapping, read_toml, to_mapping, to_toml
from kws_edge.spec import KEYWORDS, FeatureSpec, ModelSettings

_FOLDER = Path(kws_edge.__file__).parent / "models"
PRICES = _FOLDER / "prices.toml"
MEASURED = _FOLDER / "measured.toml"
# ten words, silence and unknown
LABELS = len(KEYWORDS) + 2
_HEADER = "# What every preset costs with 12 labels. Made by: kws-edge models --price --write FILE\n"


@dataclass(frozen=True, kw_only=True)
class PricedPreset:
    """One preset on one front end."""

    # its name, such as "tc_resnet14"
    preset: str
    # its family and the settings that it gives it
    arch: str
    options: dict[str, Any] = field(default_factory=dict)
    # what it changes in the default FeatureSpec
    features: dict[str, Any] = field(default_factory=dict)
    # as in `price.Price`
    parameters: int
    macs: int
    file_bytes: int
    weight_bytes: int
    ram_bytes: int | None = None
    # TFLM's arena on this host; None if TFLM does not run it there in two minutes
    arena_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What trainings of one preset on one front end reached."""

    preset: str
    # as in `PricedPreset`
    features: dict[str, Any] = field(default_factory=dict)
    # recordings and list that were measured on, such as "speech_commands at 8 kHz, testing list of 1,569 clips"
    data: str
    # shares, 0 to 1, means over the seeds
    float_accuracy: float
    int8_accuracy: float
    # standard deviation of the int8 accuracy over the seeds; None with a single one
    int8_deviation: float | None = None
    # trainings, each with a seed of its own
    seeds: int
    # of one training, on the machine that `note` names
    training_minutes: float
    # instructions of one inference on a Cortex-M4, engine aot; None where they were not counted
    instructions_m4: int | None = None
    # recipe, teacher, machine: whatever another needs to reach it too
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the table."""

    price: PricedPreset
    # the best of its measurements
    best: Measurement | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `best` is null where nothing was measured."""
        return {**to_mapping(self.price), "best": to_mapping(self.best) if self.best else None}


def catalogue(names: Sequence[str] = ()) -> tuple[Entry, ...]:
    """Every preset, or those whose preset or family is among `names`.

    Raises SettingsError for a name that is neither, and for a damaged file.
    """
    prices, measurements = read_prices(PRICES), read_measurements(MEASURED)
    _check_names(names, {price.preset for price in prices} | {price.arch for price in prices})
    entries = []
    for price in prices:
        if not names or price.preset in names or price.arch in names:
            own = [m for m in measurements if (m.preset, m.features) == (price.preset, price.features)]
            entries.append(Entry(price, max(own, key=lambda m: m.int8_accuracy, default=None)))
    return tuple(entries)


def _check_names(names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise SettingsError(
                f"no model {name!r}; `kws-edge models` lists all, such as {', '.join(sorted(known)[:4])}"
            )


def read_prices(path: Path) -> tuple[PricedPreset, ...]:
    """The prices in the TOML file `path`. Raises SettingsError."""
    return tuple(
        from_mapping(PricedPreset, table, source=f"{path} [[price]]") for table in read_toml(path).get("price", [])
    )


def read_measurements(path: Path) -> tuple[Measurement, ...]:
    """The measurements in the TOML file `path`. Raises SettingsError."""
    return tuple(
        from_mapping(Measurement, table, source=f"{path} [[measured]]") for table in read_toml(path).get("measured", [])
    )


def prices_toml(prices: Sequence[PricedPreset]) -> str:
    """What `read_prices` reads."""
    return to_toml(header=_HEADER, price=[to_mapping(price) for price in prices])


def wanted() -> tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]:
    """`(preset, family, options, features)` of every preset, on its own features and on others that were measured.

    Imports TensorFlow.
    """
    from kws_edge.models import FAMILIES, family_module, preset_features

    measurements = read_measurements(MEASURED)
    found: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
    for arch in FAMILIES:
        for preset, options in family_module(arch).PRESETS.items():
            fronts = [preset_features(arch, preset), *(m.features for m in measurements if m.preset == preset)]
            for number, features in enumerate(fronts):
                if features not in fronts[:number]:
                    found.append((preset, arch, options, features))
    return tuple(found)


def merged(old: Sequence[PricedPreset], new: Sequence[PricedPreset], names: Sequence[str]) -> tuple[PricedPreset, ...]:
    """`old` with all that `names` names (everything, if empty) replaced by `new`, each preset in its old place.

    A preset that is new stands behind the others of its family, a new family at the end.
    """
    if not names:
        return tuple(new)
    staying = [price for price in old if price.preset not in names and price.arch not in names]
    families = list(dict.fromkeys(price.arch for price in (*old, *new)))
    presets = list(dict.fromkeys(price.preset for price in (*old, *new)))
    return tuple(sorted((*staying, *new), key=lambda one: (families.index(one.arch), presets.index(one.preset))))


def price_all(
    names: Sequence[str] = (), progress: Callable[[int, int], None] | None = None
) -> tuple[PricedPreset, ...]:
    """Price what `wanted` lists, or those of `names`; a few seconds each, a minute for the largest.

    Raises SettingsError for a name that is neither preset nor family.
    """
    from kws_edge.sweep.price import convert_untrained, price_of

    everything = wanted()
    _check_names(names, {preset for preset, *_ in everything} | {arch for _, arch, *_ in everything})
    chosen = [one for one in everything if not names or one[0] in names or one[1] in names]
    prices = []
    for number, (preset, arch, options, features) in enumerate(chosen):
        spec = from_mapping(FeatureSpec, features, source=f"features of {preset}")
        model = convert_untrained(ModelSettings(arch=arch, options=options), spec, LABELS)
        cost = price_of(model)
        prices.append(
            PricedPreset(
                preset=preset,
                arch=arch,
                options=options,
                features=features,
                parameters=cost.parameters,
                macs=cost.macs,
                file_bytes=cost.file_bytes,
                weight_bytes=cost.weight_bytes,
                ram_bytes=cost.ram_bytes,
                arena_bytes=_arena_bytes(model),
            )
        )
        if progress is not None:
            progress(number + 1, len(chosen))
    return tuple(prices)


def _arena_bytes(model: bytes) -> int | None:
    try:
        return measure_arena(model)
    except ConversionError:
        return None
