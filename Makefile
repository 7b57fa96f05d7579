# The everyday commands. Each runs scripts/bootstrap first, which takes a fraction of a second when nothing is missing.

SWIFT ?= swift
DEMO ?= demo
sources = Sources Tests Package.swift
scripts = scripts/bootstrap .ci/run Benchmarks/setup

.PHONY: help bootstrap build test demo bench lint format clean

help:
	@echo 'make demo     the whole story on rendered sites, into $(DEMO)/ (another folder: make demo DEMO=FOLDER)'
	@echo 'make test     every test'
	@echo 'make bench    speed beside the Python peers, which it installs into Benchmarks/.venv (options: make bench BENCH=--quick)'
	@echo 'make lint     style of the Swift sources, syntax of the scripts'
	@echo 'make build    the optimised command, .build/release/mcdrl'
	@echo 'make format   rewrites the Swift sources in the house style'
	@echo 'make clean    removes what was built (libtorch stays in .deps)'

bootstrap:
	@scripts/bootstrap

build: bootstrap
	$(SWIFT) build -c release --product mcdrl

demo: build
	.build/release/mcdrl demo --out $(DEMO)

bench: build
	Benchmarks/setup
	.build/release/mcdrl bench $(BENCH)

# Debug builds check what release builds trust: overflow, exclusivity, assertions. Builds mcdrl too, which the tests
# of the command run.
test: bootstrap
	$(SWIFT) test

lint: bootstrap
	$(SWIFT) format lint --strict --recursive $(sources)
	for script in $(scripts); do bash -n $$script || exit 1; done
	if command -v shellcheck >/dev/null; then shellcheck $(scripts); fi

format: bootstrap
	$(SWIFT) format --in-place --recursive $(sources)

clean:
	rm -rf .build
