# make demo    the dashboard on this machine, with sample jobs
# make test    the whole test suite
# CONTRIBUTING.md tells about the rest.

VENV := .venv
BIN := $(VENV)/bin
# Pinned versions, so that what worked here works there.
PINS := constraints-dev.txt
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: demo test test-long check check-format check-lint check-types check-layers check-scripts \
  check-readme readme screenshots bench clean tools
# In order: what is missing is told all at once, before anything is begun.
.NOTPARALLEL:

demo: $(VENV)/.package
	$(BIN)/exauq-tui demo

test: tools $(VENV)/.dev
	$(BIN)/pytest -n auto --dist loadgroup -m "not long"

test-long: tools $(VENV)/.dev
	$(BIN)/pytest -n auto --dist loadgroup -m long --durations=15 --durations-min=30

check: tools check-format check-lint check-types check-layers check-scripts check-readme

check-format: $(VENV)/.dev
	$(BIN)/ruff format --check .

check-lint: $(VENV)/.dev
	$(BIN)/ruff check .

check-types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy scripts/*.py
	$(BIN)/mypy -p benchmarks

check-layers: $(VENV)/.dev
	$(BIN)/lint-imports

check-scripts: tools
	git ls-files -z -- '*.sh' 'scripts/*' .ci/run ':!*.py' | xargs -0 shellcheck

check-readme: $(VENV)/.dev
	$(BIN)/python scripts/update_readme.py --check

readme: $(VENV)/.dev
	$(BIN)/python scripts/update_readme.py

screenshots: $(VENV)/.dev
	scripts/install-tools screenshots
	$(BIN)/python scripts/make_screenshots.py

bench: tools $(VENV)/.dev
	$(BIN)/python -m benchmarks.all --short

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp stands for a finished step: pyvenv.cfg is there also when ensurepip failed after it.
$(VENV)/.made: scripts/find-python
	scripts/install-tools demo
	"$$(scripts/find-python)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.package: $(VENV)/.made pyproject.toml $(PINS)
	@echo "Installing exauq-tui into $(VENV) ..."
	$(PIP) -c $(PINS) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml $(PINS)
	@echo "Installing exauq-tui and the development tools into $(VENV) ..."
	$(PIP) -r $(PINS) -e .
	@touch $(VENV)/.package $@

# Looked at each time (it takes milliseconds): a machine may lose what it once had.
tools:
	@scripts/install-tools test
