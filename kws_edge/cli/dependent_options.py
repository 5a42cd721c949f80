"""Options that mean something beside another one alone: given without it they are an error, never silently dropped."""

from __future__ import annotations

from typing import Any

from kws_edge.errors import SettingsError


def check_dependent(context: Any, *flags: str, of: tuple[str, ...]) -> None:
    """Raise SettingsError for the first parameter of `of` that was typed while no parameter of `flags` is set.

    `context` is the verb's `typer.Context`; parameters go by their names in Python, such as "stream_seed".
    """
    if any(context.params[flag] for flag in flags):
        return
    spelled = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    for name in of:
        if context.get_parameter_source(name).name == "COMMANDLINE":
            others = " or ".join(spelled[flag] for flag in flags)
            raise SettingsError(f"{spelled[name]} does nothing without {others}: add {others}")
