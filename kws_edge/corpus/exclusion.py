"""The exclusion list: recordings that training shall leave out, one a line, each with the reason.

    # lines that begin with # are remarks
    yes/004ae714_nohash_0.wav<TAB>clipped: 12 % of its samples are at full scale

Names are paths below the corpus folder. What follows a tab is for people.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kws_edge.errors import CorpusError


def read_exclusions(path: Path) -> tuple[str, ...]:
    """The names in the exclusion list at `path`, each once, sorted.

    Raises CorpusError when the file cannot be read or a line is no path below a corpus folder.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; `kws-edge data check DATA --write FILE` writes one") from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 text, so no exclusion list") from error
    names = set()
    for number, line in enumerate(text.splitlines(), 1):
        name = line.partition("\t")[0].strip().replace("\\", "/").removeprefix("./")
        if not name or name.startswith("#"):
            continue
        if "/" not in name or name.startswith("/") or ".." in name.split("/"):
            raise CorpusError(
                f"{path}, line {number}: {name!r} is no path below a corpus folder; write such as yes/anna_1.wav, "
                "then a tab before any remark"
            )
        names.add(name)
    return tuple(sorted(names))


def exclusion_text(reasons: Iterable[tuple[str, str]], *, heading: str) -> str:
    """The text of an exclusion list: `heading` as a remark, then every (name, reason) in the order given."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [f"{name}\t{' '.join(reason.split())}" for name, reason in reasons]
    return "\n".join(lines) + "\n"
