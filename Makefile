# Each target is one call of tools/setup_env.py, which creates .venv on first use. No make? See README.md.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell command -v $(name) 2>/dev/null)) python3)
TARGETS = lab test test-fast test-colab notebooks exercises data zoo benchmarks site lint env wheelhouse
.PHONY: $(TARGETS)

# make lab · make lab GPU=1 · make test · make notebooks ARGS=03 · make zoo ARGS=faces-gan · make PYTHON=python3.12 test
$(TARGETS):
	@$(PYTHON) tools/setup_env.py $@ $(ARGS)
