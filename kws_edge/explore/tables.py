"""Findings as tables of plain text."""

from __future__ import annotations

from collections.abc import Collection

from tabulate import tabulate

from kws_edge.explore.analysis import Analysis
from kws_edge.explore.doubtful_labels import LEAST_CLIPS
from kws_edge.explore.findings import KINDS


def findings_text(analysis: Analysis, known: Collection[str], rows: int) -> str:
    """How many findings there are of each kind, then the worst `rows` of each; `known` names are marked."""
    recordings = analysis.recordings
    counts = [
        [kind.title, len(found), "fault" if kind.fault else "remark", sum(f.excluded for f in found), kind.way_out]
        for kind in KINDS
        if (found := analysis.of_kind(kind))
    ]
    parts = [
        f"{recordings.folder}: {len(recordings.files):,} clips, "
        + ", ".join(f"{recordings.splits.count(split):,} {split}" for split in ("train", "validation", "test")),
        tabulate(counts, ("finding", "clips", "", "excluded", "way out"), disable_numparse=True)
        if counts
        else "nothing found",
    ]
    for kind in KINDS:
        found = analysis.of_kind(kind)
        if not found or not rows:
            continue
        lines = [
            [finding.name, finding.split or "", finding.detail + (" (known)" if finding.name in known else "")]
            for finding in found[:rows]
        ]
        more = f", the worst {rows} of {len(found)}" if len(found) > rows else ""
        parts.append(f"{kind.title}{more}\n{tabulate(lines, tablefmt='plain', disable_numparse=True)}")
    parts += [f"warning: {warning}" for warning in recordings.warnings]
    if analysis.odds is None:
        parts.append(f"labels were not judged: too few clips, or no two words with {LEAST_CLIPS} or more")
    else:
        parts.append(
            f"labels were judged by a model that is right in {100 * analysis.odds.accuracy:.1f} % of clips of speakers "
            f"whom it never heard; words with fewer than {LEAST_CLIPS} clips count as one"
        )
    faults = analysis.faults(known)
    parts.append(
        f"{len(faults)} faults in {len({f.name for f in faults})} recordings" + (", unlisted" if known else "")
    )
    return "\n\n".join(parts)
