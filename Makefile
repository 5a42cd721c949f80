# Everything runs in .venv. It is made at first use, and brought up to date when what it is made of changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILED := $(VENV)/.compiled
EXTRAS := train,synth,tensorboard,explore,dev

CORE := $(wildcard firmware_export/core/*.[ch] kws_edge/frontend/*.c) kws_edge/frontend/native_build.py setup.py
PYTHON_PATHS := kws_edge firmware_export tests benchmarks setup.py
C_FOLDERS := firmware_export kws_edge benchmarks tests

# tests at a time, each file by one worker
WORKERS ?= 2

# what `make bench` measures; `make demo` makes it
BUNDLE ?= demo/bundle

# what the demonstration trains: short enough to watch, long enough to be worth verifying
DEMO_EPOCHS ?= 20
DEMO_QAT_EPOCHS ?= 5

.PHONY: help demo test test-fast lint format bench golden clean

help:
	@echo "make demo       install into $(VENV) (2 GB), train on synthesized voices, export, verify"
	@echo "make test-fast  tests of a few minutes;  make test: all of them"
	@echo "make lint       ruff, mypy, import-linter, clang-format;  make format mends what a machine can"
	@echo "make bench      the tables of docs/, of BUNDLE=$(BUNDLE);  make golden: vectors that Python and C share"
	@echo "make clean      remove $(VENV), demo and caches"

$(INSTALLED): pyproject.toml
	@echo "== installing into $(VENV): 2 GB, two to four minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install -e '.[$(EXTRAS)]'
	@touch $(INSTALLED) $(COMPILED)

# the front end's C is compiled into the package
$(COMPILED): $(INSTALLED) $(CORE)
	@echo "== compiling the front end"
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

demo: $(COMPILED)
	$(BIN)/kws-edge train --arch ds_cnn --qat --epochs $(DEMO_EPOCHS) --qat-epochs $(DEMO_QAT_EPOCHS) --force --restart -o demo/bundle
	$(BIN)/kws-edge export demo/bundle --c-header --force -o demo/firmware
	$(BIN)/kws-edge verify demo/bundle
	@echo
	@echo "demo/bundle is a trained model, demo/firmware the model as a C array. Both are a demonstration: few epochs, and"
	@echo "synthetic voices unless KWS_EDGE_DATA named real recordings. For a model of your own words put recordings"
	@echo "into folders named after the words, DIR/word/speaker-1.wav, background noise into DIR/_background_noise_, and"
	@echo "  $(BIN)/kws-edge data info DIR"
	@echo "  $(BIN)/kws-edge train --data DIR --keywords word,other --qat -o my_bundle"
	@echo "  $(BIN)/kws-edge verify my_bundle --data DIR"
	@echo "  $(BIN)/kws-edge export my_bundle --engine aot -o my_firmware    # front end, network and detector in C"

test-fast: $(COMPILED)
	@echo "== fast tests"
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile

test: test-fast
	@echo "== slow tests: they train, build firmware and boot emulators"
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist loadfile

lint: $(COMPILED)
	$(BIN)/ruff check $(PYTHON_PATHS)
	$(BIN)/ruff format --check $(PYTHON_PATHS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	find $(C_FOLDERS) -name '*.[ch]' -exec $(BIN)/clang-format --dry-run -Werror {} +

# mends what lint complains about and a machine can mend
format: $(COMPILED)
	$(BIN)/ruff check --fix $(PYTHON_PATHS)
	$(BIN)/ruff format $(PYTHON_PATHS)
	find $(C_FOLDERS) -name '*.[ch]' -exec $(BIN)/clang-format -i {} +

# tables that the documentation quotes
bench: $(COMPILED)
	$(BIN)/python benchmarks/frontend.py
	$(BIN)/python benchmarks/engine.py $(BUNDLE)
	$(BIN)/python benchmarks/firmware.py $(BUNDLE)
	$(BIN)/python benchmarks/noise.py $(BUNDLE)
	$(BIN)/python benchmarks/quantization.py $(BUNDLE)
	$(BIN)/python benchmarks/detection.py $(BUNDLE)
	$(BIN)/kws-edge models

# the vectors that Python, C and the firmware's self-test share, made anew from the specification
golden: $(COMPILED)
	$(BIN)/python tests/golden/make_golden.py

clean:
	rm -rf $(VENV) demo build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
