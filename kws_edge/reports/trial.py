"""What firmware did on trial, as text and as JSON."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from firmware_export.trial import Trial
from kws_edge.bundle import Bundle
from kws_edge.verification.stream import StreamOutputs


def trial_report(trial: Trial, bundle: Bundle, different: list[str]) -> dict[str, Any]:
    """The fields of `kws-edge run --json`; docs/firmware.md explains them."""
    rate = bundle.features.sample_rate_hz
    memory, instructions = trial.memory, trial.instructions
    seconds = trial.samples / rate
    return {
        "on": trial.place,
        "seconds": seconds,
        "selftest": trial.selftest,
        "equal_to_python": not different,
        "differences": different,
        "features_hash": stream_hash(trial),
        "labels": list(bundle.labels),
        "inferences": [
            {"time_s": int(end) / rate, "features_hash": f"{int(checksum):08x}", "logits": logits.tolist()}
            for end, checksum, logits in zip(trial.end_samples, trial.features, trial.logits, strict=True)
        ],
        "detections": [
            {
                "time_s": int(trial.end_samples[found.inference]) / rate,
                "label": bundle.labels[found.label],
                "score": found.probability,
            }
            for found in trial.detections
        ],
        "instructions_per_second_of_audio": _per_second(instructions.total, seconds) if instructions else None,
        "frontend_instructions_per_second_of_audio": _per_second(instructions.frontend, seconds)
        if instructions
        else None,
        "instructions_per_inference": instructions.network // len(trial.logits)
        if instructions and len(trial.logits)
        else None,
        "flash_bytes": memory.flash_bytes,
        "model_constants_bytes": memory.model_constants_bytes,
        "weights_bytes": memory.weights_bytes,
        "selftest_flash_bytes": memory.selftest_flash_bytes,
        "ram_bytes": memory.ram_bytes,
        "spotter_bytes": memory.spotter_bytes,
        "arena_bytes": memory.arena_bytes,
        "stack_bytes": memory.stack_bytes,
        "selftest_stack_bytes": memory.selftest_stack_bytes,
    }


def stream_hash(outputs: Trial | StreamOutputs) -> str:
    """One hash of all features that the network saw: FNV-1a over the words of their checksums."""
    total = 2166136261
    for value in outputs.features:
        total = ((total ^ int(value)) * 16777619) & 0xFFFFFFFF
    return f"{total:08x}"


def trial_text(report: dict[str, Any]) -> str:
    """The report for people."""
    equal = "yes, every feature, output and detection" if report["equal_to_python"] else "NO"
    rows = [
        ("ran on", report["on"]),
        ("audio", f"{report['seconds']:.2f} s, {len(report['inferences'])} inferences"),
        ("self-test", report["selftest"]),
        ("equal to Python", equal),
        *(("differs", what) for what in report["differences"]),
        ("features hash", report["features_hash"]),
        ("flash", _flash(report)),
        (
            "RAM",
            f"{report['ram_bytes']:,} B: spotter {report['spotter_bytes']:,}, arena {report['arena_bytes']:,}, "
            f"deepest stack {report['stack_bytes']:,} (self-test {report['selftest_stack_bytes']:,})",
        ),
        ("instructions", _instructions(report)),
    ]
    parts = [tabulate(_outputs(report), headers=["s", *report["labels"]], disable_numparse=True)]
    if report["detections"]:
        parts.append("\n".join(f"{d['time_s']:8.2f} s  {d['label']}  {d['score']:.2f}" for d in report["detections"]))
    else:
        parts.append("no detections")
    parts.append(tabulate(rows, tablefmt="plain", disable_numparse=True))
    return "\n\n".join(parts)


def _outputs(report: dict[str, Any]) -> list[list[str]]:
    return [[f"{entry['time_s']:.2f}", *map(str, entry["logits"])] for entry in report["inferences"]]


def _flash(report: dict[str, Any]) -> str:
    total, constants, self_test = (report[f"{part}_bytes"] for part in ("flash", "model_constants", "selftest_flash"))
    if constants is None:
        return f"{total:,} B"
    rest = total - constants - self_test
    return f"{total:,} B: model {constants:,}, self-test {self_test:,}, all other code and tables {rest:,}"


def _instructions(report: dict[str, Any]) -> str:
    total = report["instructions_per_second_of_audio"]
    if total is None:
        return "not counted on the host"
    each = report["instructions_per_inference"]
    network = "" if each is None else f", of which {each:,} for each inference"
    return (
        f"{total:,} for a second of audio{network}, "
        f"{report['frontend_instructions_per_second_of_audio']:,} for the front end"
    )


def _per_second(count: int, seconds: float) -> int:
    return round(count / seconds)
