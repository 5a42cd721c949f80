"""Section: what stands apart: the cloud of all clips in three components, outliers, and every kind of finding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_edge.errors import DependencyError
from kws_edge.explore.analysis import Analysis
from kws_edge.explore.findings import KINDS, MISLABELLED
from kws_edge.explore.page.parts import COLOURS, Plot, Section, Sound, Sounds, Table, decibels

# components among which neighbours are looked for, and which neighbour's distance makes an outlier
_COMPONENTS = 12
_NEIGHBOUR = 10
# points of the cloud, outliers and findings of each kind on the page
_POINTS = 12000
_OUTLIERS = 25
_LISTED = 15
# of the most frequent words; grey and red are for the others and for the suspects
_WORD_COLOURS = (*COLOURS[:5], COLOURS[7])


def anomalies_section(analysis: Analysis, sounds: Sounds) -> Section:
    """The cloud, the ranked outliers and the worst findings of each kind."""
    recordings = analysis.recordings
    components, outlyingness = principal_components(analysis)
    # the first to be added are the surest to be heard
    tables = [*_finding_tables(analysis, sounds), _outlier_table(analysis, outlyingness, sounds)]
    text = (
        "Each clip is a point: its spectrum in dB, at mean 0 and deviation 1, in the three directions in which spectra "
        "differ most (PCA). Turn it, zoom in, touch a point for its name; the button plays it if its sound is here.",
        _verdict(analysis),
    )
    cloud = Plot("cloud", "All clips in three components", _cloud(analysis, components), _CLOUD_LAYOUT, 520, wide=True)
    return Section("anomalies", "Anomalies", text, (cloud,), tables, "anomalies", {"total": len(recordings.files)})


def principal_components(analysis: Analysis) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Every clip in the first 12 principal components of the normalized spectra, and how far from others it lies.

    float64[n, components] and float64[n]: the distance to the tenth nearest neighbour. Raises DependencyError without
    scikit-learn.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.neighbors import NearestNeighbors
    except ImportError as error:
        raise DependencyError("explore needs scikit-learn: pip install 'kws-edge[explore]'") from error
    spectra = decibels(analysis.recordings.measured.spectra, 1e-13)
    spectra -= spectra.mean(axis=1, keepdims=True)
    spectra /= spectra.std(axis=1, keepdims=True) + 1e-3
    count = min(_COMPONENTS, *spectra.shape)
    with np.errstate(invalid="ignore"):  # a single clip has no variance, and nobody asks for it
        components = PCA(count, random_state=0).fit_transform(spectra)
    neighbours = min(_NEIGHBOUR, len(components) - 1) + 1
    distance, _ = NearestNeighbors(n_neighbors=neighbours).fit(components).kneighbors(components)
    return components, distance[:, -1]


_CLOUD_LAYOUT = {
    "scene": {
        **{f"{axis}axis": {"title": f"component {number}"} for number, axis in enumerate("xyz", 1)},
        # nearer than plotly stands by default
        "camera": {"eye": {"x": 0.95, "y": 0.95, "z": 0.6}},
    },
    "legend": {"orientation": "h", "itemsizing": "constant"},
    "margin": {"l": 0, "r": 0, "t": 10, "b": 0},
}


def _cloud(analysis: Analysis, components: npt.NDArray[np.float64]) -> list[dict[str, object]]:
    recordings = analysis.recordings
    index, words = recordings.word_index, recordings.words
    order = np.argsort(-np.bincount(index, minlength=len(words)), kind="stable")
    rows = np.unique(np.linspace(0, len(components) - 1, min(_POINTS, len(components))).astype(int))
    if components.shape[1] < 3:
        components = np.pad(components, ((0, 0), (0, 3 - components.shape[1])))
    doubted = {finding.name for finding in analysis.of_kind(MISLABELLED)}
    suspect = np.array([recordings.files[row].name in doubted for row in rows])
    coloured = order[: len(_WORD_COLOURS)]
    groups = [
        (words[place], rows[(index[rows] == place) & ~suspect], colour)
        for place, colour in zip(coloured, _WORD_COLOURS, strict=False)
    ]
    groups.append(("other words", rows[~np.isin(index[rows], coloured) & ~suspect], COLOURS[6]))
    groups.append((MISLABELLED.title, rows[suspect], COLOURS[5]))
    return [
        {
            "type": "scatter3d",
            "mode": "markers",
            "name": name,
            "x": components[group, 0],
            "y": components[group, 1],
            "z": components[group, 2],
            "text": [recordings.files[row].name for row in group],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"size": 3 if name == MISLABELLED.title else 2, "color": colour, "opacity": 0.8},
        }
        for name, group, colour in groups
        if len(group)
    ]


def _verdict(analysis: Analysis) -> str:
    odds = analysis.odds
    faults = len({finding.name for finding in analysis.faults()})
    listed = len(analysis.exclusions())
    text = f"{faults:,} recordings have a fault; {listed:,} of them are better left out of training."
    if odds is None:
        return text + " Labels were not judged: there are too few clips to learn from."
    return (
        f"{text} Labels are judged by a small model that never heard the clip's speaker; it is right in "
        f"{100 * odds.accuracy:.1f} % of clips, so listen before you believe it."
    )


def _finding_tables(analysis: Analysis, sounds: Sounds) -> list[Table]:
    recordings = analysis.recordings
    place = {name: row for row, name in enumerate(recordings.names)}
    tables = []
    for kind in KINDS:
        found = analysis.of_kind(kind)
        if not found:
            continue
        rows: list[list[str | Sound]] = []
        for finding in found[:_LISTED]:
            for name in (finding.name, finding.other):
                if name in place:
                    sounds.add(name, recordings.clips[place[name]], recordings.spec.sample_rate_hz)
            rows.append([Sound(finding.name, finding.name), finding.split or "", finding.detail])
        more = f", the worst {_LISTED}" if len(found) > _LISTED else ""
        title = f"{kind.title[0].upper()}{kind.title[1:]}: {len(found):,}{more}"
        tables.append(Table(title, ("recording", "split", "measured"), rows, f"What to do: {kind.way_out}."))
    return tables


def _outlier_table(analysis: Analysis, outlyingness: npt.NDArray[np.float64], sounds: Sounds) -> Table:
    recordings = analysis.recordings
    # a folder of a few clips may hold nothing but copies
    usual = max(float(np.median(outlyingness)), 1e-6)
    rows: list[list[str | Sound]] = []
    for row in np.argsort(-outlyingness)[:_OUTLIERS]:
        file = recordings.files[row]
        sounds.add(file.name, recordings.clips[row], recordings.spec.sample_rate_hz)
        distance = f"{outlyingness[row] / usual:.1f} times the usual distance"
        rows.append([Sound(file.name, file.name), recordings.splits[row], distance])
    note = "Distance to the tenth nearest neighbour in twelve components, against the median clip's."
    return Table("Outliers by spectrum", ("recording", "split", "distance"), rows, note)
