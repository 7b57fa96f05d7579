# The everyday commands. Each runs scripts/bootstrap first, which takes a fraction of a second when nothing is missing.

SWIFT ?= swift
DEMO ?= $(if $(FULL),demo-full,demo)
sources = Sources Tests Examples Package.swift
python = scripts/attack-review scripts/bench-scale scripts/bench-video scripts/check-dicom scripts/check-distributed \
  scripts/check-exports scripts/check-review scripts/check-video scripts/device-check scripts/documented \
  scripts/get-trunk scripts/import-fixtures scripts/model-scaling scripts/paper-cost scripts/paper-stand-in \
  scripts/random-clip scripts/random-siglip scripts/review-fixture scripts/snippets scripts/to-safetensors \
  $(wildcard scripts/review/*.py)
scripts = $(filter-out $(python) scripts/slurm scripts/review,$(wildcard scripts/*)) $(wildcard scripts/slurm/*) .ci/run Benchmarks/setup
MINUTES ?= 5
PREFIX ?= $(HOME)/.local

.PHONY: help bootstrap install-libtorch build test fuzz demo bench docs examples lint format clean

help:
	@echo 'make demo     a short study on rendered sites, into $(DEMO)/ (another folder: make demo DEMO=FOLDER)'
	@echo 'make demo FULL=1   the whole study, into demo-full/'
	@echo 'make test     every test'
	@echo 'make fuzz     damaged files: the image decoders for MINUTES ($(MINUTES)) in all, then every other reader'
	@echo 'make bench    speed beside the Python peers, which it installs into Benchmarks/.venv (options: make bench BENCH=--quick)'
	@echo 'make docs     the documentation of the libraries, .build/docs/MCDRL.doccarchive'
	@echo 'make examples builds and runs Examples as a package of somebody else'
	@echo 'make lint     style of the sources, syntax of the scripts, direction of imports, doc comments, examples of the pages'
	@echo 'make build    the optimised command, .build/release/mcdrl'
	@echo 'make format   rewrites the Swift sources in the house style'
	@echo 'make clean    removes what was built (libtorch stays in .deps)'
	@echo 'make install-libtorch   libtorch for packages that depend on this one, into PREFIX ($(PREFIX))'

bootstrap:
	@scripts/bootstrap

install-libtorch:
	@scripts/bootstrap --install $(PREFIX)

build: bootstrap
	$(SWIFT) build -c release --product mcdrl

demo: build
	.build/release/mcdrl demo $(if $(FULL),--full) --out $(DEMO)

bench: build
	Benchmarks/setup
	.build/release/mcdrl bench $(BENCH)

# Debug builds check what release builds trust: overflow, exclusivity, assertions. Builds mcdrl too, which the tests
# of the command run.
test: bootstrap
	$(SWIFT) test

# What it finds stays in .build/fuzz, and the next run goes on from there.
fuzz:
	scripts/fuzz --minutes $(MINUTES)
	MCDRL_MUTATIONS=$${MCDRL_MUTATIONS:-2000} $(SWIFT) test --filter MutationTests

# The libraries show more to one another (package) than to other packages (public).
docs: bootstrap
	DOCS_ACCESS=$${DOCS_ACCESS:-package} scripts/docs

examples: bootstrap
	scripts/examples

lint: bootstrap
	$(SWIFT) format lint --strict --recursive $(sources)
	for script in $(scripts); do bash -n $$script || exit 1; done
	if command -v shellcheck >/dev/null; then shellcheck --severity=warning $(scripts); fi
	scripts/version
	scripts/import-graph
	scripts/documented
	scripts/snippets

format: bootstrap
	$(SWIFT) format --in-place --recursive $(sources)

clean:
	rm -rf .build
