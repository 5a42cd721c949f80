"""libFuzzer finds no input on which the C overflows, reads beyond its arrays, or disagrees with itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from test_frontend_firmware import SPECS, write_firmware

HERE = Path(__file__).parent
BATCH = Path(__file__).parents[2] / "kws_edge" / "frontend" / "batch.c"
SANITIZERS = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
# an hour was run once: KWS_EDGE_FUZZ_SECONDS=3600
SECONDS = int(os.environ.get("KWS_EDGE_FUZZ_SECONDS", "120"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mfcc", "deltas"])
def test_two_minutes_of_fuzzing_find_nothing(name, tmp_path, tool):
    tool("clang", "apt-get install clang libclang-rt-14-dev")
    sources = write_firmware(tmp_path, SPECS[name])
    program = tmp_path / "fuzz"
    command = ["clang", *SANITIZERS, f"-I{tmp_path}", *map(str, sources), str(BATCH), str(HERE / "fuzz_frontend.c")]
    built = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    limits = [f"-max_total_time={SECONDS // 2}", "-max_len=2001", "-len_control=0", "-print_final_stats=1"]
    done = subprocess.run([str(program), *limits], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    executed = next(line for line in done.stderr.splitlines() if "number_of_executed_units" in line)
    assert int(executed.split()[-1]) > 1000, executed
