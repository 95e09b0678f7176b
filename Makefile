# `make` installs into .venv, runs the default configuration and writes its report; `make test` installs and
# tests.

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: run test test-browser test-slurm lint bench simulate same power-cut faults status verify gallery lock clean

run: $(VENV)/installed
	snakemake --cores all
	snakemake --report results/report.html

.PHONY: laptop laptop-results long-runs

# The paper's central result on real images: VGG19 on CIFAR-10, three seeds, half an hour on two cores. The data are
# downloaded to data/, unless they are there or in a directory of ANATOMY_DATA.
laptop: $(VENV)/installed
	snakemake --cores 3 --configfile config/laptop.yaml
	snakemake --configfile config/laptop.yaml --report results/laptop/report.html

# Copy what `make laptop` made, tables, histories, figures, claims and costs, to docs/results/laptop.
laptop-results: $(VENV)/installed
	python benchmarks/collect.py --configfile config/laptop.yaml --output docs/results/laptop

# Run what is missing of config/real-images.yaml, hours in the background, and keep each experiment in
# docs/results/real-images; LIST=1 only says what there is and what each takes, ONLY= some experiments.
long-runs: $(VENV)/installed
	python benchmarks/long_runs.py $(if $(LIST),--list) $(if $(ONLY),--only $(ONLY))

test: lint
	# In the order of tests/conftest.py, not by how many tests a file has.
	pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

# Pages in a real browser, which needs chromium and its driver (Debian: chromium chromium-driver).
test-browser: $(VENV)/test-tools
	pytest tests/browser

# The pipeline on a real Slurm, which only these tests see: as root, on Debian or Ubuntu, some minutes.
test-slurm: $(VENV)/test-tools
	tests/slurm/run.sh

# Formatting and lint of everything that is written by hand.
lint: $(VENV)/test-tools
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

# Measure the project against a plain reference: docs/benchmarks.md. On a quiet machine, about 30 minutes;
# DATA= a directory or archive of CIFAR-10 images, ONLY= some of the names that --help lists.
bench: $(VENV)/test-tools
	python benchmarks/run.py $(if $(DATA),--data $(DATA)) $(if $(ONLY),--only $(ONLY))

# Rates of false verdicts of every claim, and of effects that are seen, for docs/statistics.md: an hour of two
# cores; DRAWS= fewer or more than 10,000, STUDIES= some, of which the others keep their tables.
simulate: $(VENV)/installed
	python benchmarks/simulate.py $(if $(DRAWS),--draws $(DRAWS)) $(if $(STUDIES),--studies $(STUDIES))

# Compare weights, tables and figures of the default configuration with those of an earlier commit.
same: $(VENV)/installed
	python benchmarks/same_results.py --commit $(COMMIT)

# Cut the power of a disk in a file, 20 times, and see what is lost; as root, about 15 minutes.
power-cut: $(VENV)/installed
	python benchmarks/power_cut.py

# Kill, signal, damage and limit every program of the pipeline, and see what becomes of results: docs/faults.md.
# About an hour, as root with full disks and power cuts; ONLY= some of the faults that --help lists, QUICK=1 a
# shorter form, which is not kept.
faults: $(VENV)/installed
	python benchmarks/faults.py $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) \
	    $(if $(QUICK),,--output docs)

# Tell how far the runs are; CONFIG= the configuration files of a pipeline that runs with such.
status: $(VENV)/installed
	@python workflow/scripts/status.py $(if $(CONFIG),--configfile $(CONFIG))

# Compare all results with the checksums that were recorded when they were written; RESULTS= another folder.
verify: $(VENV)/installed
	@python workflow/scripts/verify.py $(RESULTS)

# Copy the figures and main tables of the default run to docs/gallery.
gallery:
	cp results/arrangements/figures/figure_*.png $(foreach study,invariance curvature subspaces,results/$(study)/figures/*.png) docs/gallery/
	cp results/arrangements/claims.csv results/accuracies.csv results/arrangements/tables/criticality.csv docs/gallery/

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), \
	    "Python 3.11 to 3.13 is needed; name one with make PYTHON=..."'
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --constraint constraints.txt --editable '.[workflow]'
	touch $@

$(VENV)/test-tools: $(VENV)/installed
	pip install --quiet --constraint constraints.txt --editable '.[workflow,test]'
	touch $@

# Write the versions of all installed packages to constraints.txt.
lock: $(VENV)/test-tools
	pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV)
