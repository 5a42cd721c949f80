"""`kws_model.h` and `kws_model.c`: the model as an aligned constant array, and what firmware must know about it."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from firmware_export.codegen.c_text import c_bytes, c_comment, c_float, c_string, tflm_op_name
from firmware_export.codegen.firmware_model import FirmwareModel

_TEMPLATES = ("kws_model.h", "kws_model.c")


def render_header(model: FirmwareModel) -> dict[str, str]:
    """C99 and C++11 source of `model`: file name to text. The same model gives the same text."""
    environment = Environment(
        loader=PackageLoader("firmware_export.codegen"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, not HTML
    )
    environment.filters.update(c_string=c_string, c_comment=c_comment, c_float=c_float)
    summary = model.summary
    values = {
        "model": model,
        "features": model.features,
        "input": summary.input,
        "output": summary.output,
        "ops": [tflm_op_name(name) for name in summary.distinct_operators],
        "array": c_bytes(model.model),
    }
    return {name: environment.get_template(f"{name}.jinja").render(values) for name in _TEMPLATES}
