"""README and docs/ are right about the command line: options that they type exist, and every option is typed."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from kws_edge import spec
from kws_edge.cli.app import app
from kws_edge.settings import parse_toml, to_mapping

HERE = Path(__file__).parents[2]
PAGES = (HERE / "README.md", HERE / "CONTRIBUTING.md", *sorted((HERE / "docs").glob("*.md")))
TABLES = {
    "features": spec.FeatureSpec,
    "corpus": spec.CorpusSettings,
    "augmentation": spec.AugmentationSettings,
    "training": spec.TrainingSettings,
    "model": spec.ModelSettings,
    "detection": spec.DetectionSettings,
}


def spellings() -> dict[str, list[set[str]]]:
    """Each verb's options, each option as the set of its spellings."""

    def walk(command: Any, name: str) -> dict[str, list[set[str]]]:
        if hasattr(command, "commands"):
            parts = [walk(each, f"{name} {part}".strip()) for part, each in command.commands.items()]
            return {verb: options for part in parts for verb, options in part.items()}
        return {name: [set(each.opts) for each in command.params if each.param_type_name == "option"]}

    return walk(typer.main.get_command(app), "")


VERBS = spellings()


def typed(text: str) -> list[tuple[str, set[str]]]:
    """Verb and options of every command in a page; a command goes on in lines that are indented further."""
    whole = re.sub(r"\n {10,}(?=[\[(-])", " ", text.replace("\\\n", " "))
    found = re.finditer(rf"kws-edge ({'|'.join(sorted(VERBS, key=len, reverse=True))})\b([^\n`#;]*)", whole)
    return [(match[1], set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", match[2]))) for match in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_types_exists(page: Path) -> None:
    for verb, options in typed(page.read_text(encoding="utf-8")):
        strangers = options - set().union(*VERBS[verb])
        assert not strangers, f"kws-edge {verb} has no {strangers}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_typed_somewhere(verb: str) -> None:
    pages = [each for page in PAGES for each in typed(page.read_text(encoding="utf-8"))]
    options = set().union(*(options for name, options in pages if name == verb))
    for spelled in VERBS[verb]:
        assert spelled & options, f"no page types kws-edge {verb} {spelled}"


@pytest.mark.parametrize("table", TABLES)
def test_the_page_on_training_has_every_setting_and_its_default(table: str) -> None:
    page = (HERE / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page.partition(f"### `[{table}]`")[2].partition("###")[0], re.M)
    defaults = {name: value for name, value in to_mapping(TABLES[table]()).items() if name != "keywords"}
    toml = "\n".join(f"{name} = {value}" for name, value in rows if name != "keywords")
    documented = parse_toml(toml.encode(), Path("training.md"))
    assert documented == defaults
    # a hash, found by `train`, that nobody writes
    names = [field.name for field in dataclasses.fields(TABLES[table]) if field.name != "source_sha256"]
    assert [name for name, _ in rows] == names
