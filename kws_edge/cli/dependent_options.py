"""Options that mean something beside another one alone, or nothing beside one: an error, never silently dropped."""

from __future__ import annotations

from typing import Any

from kws_edge.errors import SettingsError


def check_dependent(context: Any, *flags: str, of: tuple[str, ...]) -> None:
    """Raise SettingsError for the first parameter of `of` that was typed while no parameter of `flags` is set.

    `context` is the verb's `typer.Context`; parameters go by their names in Python, such as "stream_seed".
    """
    if any(context.params[flag] for flag in flags):
        return
    spelled = _spelled(context)
    for name in of:
        if _typed(context, name):
            others = " or ".join(spelled[flag] for flag in flags)
            raise SettingsError(f"{spelled[name]} does nothing without {others}: add {others}")


def check_alone(context: Any, flag: str, *, of: tuple[str, ...]) -> None:
    """Raise SettingsError for the first parameter of `of` that was typed beside `flag`, named likewise."""
    spelled = _spelled(context)
    for name in of:
        if _typed(context, name):
            raise SettingsError(f"{spelled[name]} does nothing beside {spelled[flag]}: leave one out")


def _spelled(context: Any) -> dict[str, str]:
    return {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}


def _typed(context: Any, name: str) -> bool:
    return bool(context.get_parameter_source(name).name == "COMMANDLINE")
