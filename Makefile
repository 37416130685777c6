# Everything a person or a CI job runs here; `make help` lists it.

SWIFT ?= swift
PYTHON ?= python3
RUFF ?= ruff
PREFIX ?= /usr/local
DESTDIR ?=

PROGRAM := .build/release/cartoonize

# The libraries that other packages can use, and the articles of the manual page, in its order.
DOCUMENTED := StableDiffusion ImageCodecs Checkpoints ModelHub HTTPClient TensorKernels
ARTICLES := Images Batches Models TimeAndMemory Scripts Environment ExitStatus

.DEFAULT_GOAL := help
.PHONY: help setup build demo test check lint-python bench parity parity-real smoke faults fuzz hard sanitize batch \
	arm64 old-processor install uninstall deb deb-test debian docs fixtures clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (Debian, Ubuntu): libraries, and Swift where the distribution has it
	@SWIFT=$(SWIFT) .debian/setup.sh

build: setup ## build the program, .build/release/cartoonize
	$(SWIFT) build -c release --product cartoonize

demo: build ## cartoonize a photo and say where the image is
	@$(PROGRAM) Tests/suites/smoke/photos/astronaut.jpg -o demo.png --seed 1 --force
	@echo "The cartoon of Tests/suites/smoke/photos/astronaut.jpg is $(CURDIR)/demo.png"

test: setup ## run all tests, in release mode
	$(SWIFT) test -c release

# One build serves the warnings and the tests; its own folder keeps these flags from rebuilding everything else.
check: setup ## check the format and the folders' order, build with warnings as errors, run all tests
	Tests/suites/house/circles.pl Sources/cartoonize --imports
	Tests/suites/house/documented.pl $(addprefix Sources/,$(DOCUMENTED))
	Tests/suites/house/papers.pl README.md README.pt.md
	Tests/suites/house/c-format.sh
	Tests/suites/house/paths.pl
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests
	$(SWIFT) test -c release --scratch-path .build/check -Xswiftc -warnings-as-errors

lint-python: ## check the Python of tests and training (RUFF: pip install ruff)
	$(RUFF) check .
	$(RUFF) format --check .

smoke: setup ## cartoonize three photos and compare with stored images
	$(SWIFT) build -c release --product cartoonize
	$(SWIFT) build -c release --product image-compare
	Tests/suites/smoke/run.sh .build/release

bench: build ## time the program and its kernels; PYTHON with diffusers adds the peers
	$(SWIFT) build -c release --product kernel-bench
	$(PYTHON) Tests/suites/bench/bench.py --write-readme

parity: setup ## compare whole runs with diffusers, stage by stage (PYTHON must have it)
	$(SWIFT) build -c release --product parity-dump
	$(PYTHON) Tests/suites/parity/parity.py $(MODEL) $(if $(MODEL),--size 512 --tolerance 1e-3)

PHOTO ?= Tests/suites/smoke/photos/astronaut.jpg

parity-real: setup ## compare a real checkpoint, MODEL, with diffusers on PHOTO: 20 steps at 512 pixels
	@if [ -z "$(MODEL)" ]; then echo "make: name the checkpoint, a folder or a file: make parity-real MODEL=..." >&2; exit 2; fi
	$(SWIFT) build -c release --product parity-dump
	$(PYTHON) Tests/suites/parity/parity.py "$(MODEL)" "$(PHOTO)" --size 512 --steps 20 --tolerance 1e-3

faults: setup ## show that each seeded fault makes a test fail
	Tests/suites/faults/run.sh

FUZZ_INPUTS ?= 300000
FUZZ_CASES ?=

batch: build ## kill and resume, share out and watch batches of photos (PYTHON with pillow, tmux)
	PYTHON=$(PYTHON) Tests/suites/batch/kill.sh
	PYTHON=$(PYTHON) Tests/suites/batch/shards.sh
	Tests/suites/batch/sessions.sh

fuzz: setup ## feed mutated files to every reader under the sanitizers (FUZZ_INPUTS each, FUZZ_CASES or all)
	$(SWIFT) build -c release --scratch-path .build/fuzz --sanitize address \
		-Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined --product fuzz
	ASAN_OPTIONS=detect_leaks=0 nice -n 10 .build/fuzz/release/fuzz --inputs $(FUZZ_INPUTS) $(FUZZ_CASES)

hard: build ## hostile files, kills at random moments, and calls of the C library failing once (PYTHON, a C compiler)
	PROGRAM=$(PROGRAM) PYTHON=$(PYTHON) Tests/suites/hard/run.sh

# Leaks are no fault of a program that ends; the tests of the program itself start it as it is built here.
SANITIZED_TESTS ?= CartoonizeTests|CheckpointsTests|ImageCodecsTests|HTTPClientTests|ModelHubTests|TensorKernelsTests

sanitize: setup ## run the tests under the address, undefined-behaviour and thread sanitizers (SANITIZED_TESTS)
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test -c release --scratch-path .build/address --sanitize address \
		-Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined --filter '$(SANITIZED_TESTS)'
	$(SWIFT) test -c release --scratch-path .build/thread --sanitize thread --filter '$(SANITIZED_TESTS)'

arm64: ## run every kernel beside its definition, here and as on a 64-bit ARM processor (needs qemu-user, a cross libc)
	Tests/suites/arm64/run.sh

old-processor: setup ## run the kernels' and models' tests as on a processor without AVX2 (needs qemu-user)
	Tests/suites/old-processor/run.sh

# The installed program carries the Swift libraries with it, so that it outlives the toolchain it was built with; Debian's
# own toolchain has them only as a package of shared ones.
STATIC = $(if $(wildcard $(shell $(SWIFT) -print-target-info -static-stdlib \
	| sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')/linux),--static-swift-stdlib)
INSTALL_BUILD = -c release --scratch-path .build/install $(STATIC)
BIN := $(DESTDIR)$(PREFIX)/bin
SHARE := $(DESTDIR)$(PREFIX)/share
# Debian's zsh looks into vendor-completions for what packages bring.
ZSH_COMPLETIONS ?= zsh/site-functions

install: setup ## install the program, its model, completions and manual under PREFIX
	$(SWIFT) build $(INSTALL_BUILD) --product cartoonize
	$(SWIFT) build $(INSTALL_BUILD) --product generate-manual
	install -d "$(BIN)" "$(SHARE)/cartoonize/Models" "$(SHARE)/man/man1" "$(SHARE)/bash-completion/completions" \
		"$(SHARE)/$(ZSH_COMPLETIONS)" "$(SHARE)/fish/vendor_completions.d"
	install -s -m 755 .build/install/release/cartoonize "$(BIN)/cartoonize"
	cp -R Models/cartoonizer-mini "$(SHARE)/cartoonize/Models/"
	.build/install/release/generate-manual "$(BIN)/cartoonize" --output-directory .build/install
	Sources/cartoonize/manual.pl .build/install/cartoonize.1 $(ARTICLES:%=Sources/cartoonize/cartoonize.docc/%.md) \
		> "$(SHARE)/man/man1/cartoonize.1"
	"$(BIN)/cartoonize" --generate-completion-script bash > "$(SHARE)/bash-completion/completions/cartoonize"
	"$(BIN)/cartoonize" --generate-completion-script zsh > "$(SHARE)/$(ZSH_COMPLETIONS)/_cartoonize"
	"$(BIN)/cartoonize" --generate-completion-script fish > "$(SHARE)/fish/vendor_completions.d/cartoonize.fish"

uninstall: ## remove what `make install` installed
	rm -rf "$(SHARE)/cartoonize"
	rm -f "$(BIN)/cartoonize" "$(SHARE)/man/man1/cartoonize.1" \
		"$(SHARE)/bash-completion/completions/cartoonize" "$(SHARE)/$(ZSH_COMPLETIONS)/_cartoonize" \
		"$(SHARE)/fish/vendor_completions.d/cartoonize.fish"

deb: setup ## make a Debian package, .build/deb/cartoonize_VERSION_ARCHITECTURE.deb
	@STATIC=$(STATIC) .debian/package.sh

deb-test: deb ## install the package on clean systems of Debian 12 and 13 and make images (root, debootstrap, lintian)
	$(SWIFT) build $(INSTALL_BUILD) --product image-compare
	Tests/suites/debian/package.sh

debian: ## run COMMAND on a clean Debian 13 with its own Swift (root, debootstrap; ARCHITECTURE=arm64 under qemu)
	Tests/suites/debian/build.sh "$(ARCHITECTURE)" "$(COMMAND)"

docs: setup ## build the reference of the program and its libraries
	CARTOONIZE_DOCS=1 $(SWIFT) package --scratch-path .build/docs generate-documentation \
		$(addprefix --target ,$(DOCUMENTED) cartoonize) \
		--symbol-graph-minimum-access-level public --warnings-as-errors

fixtures: ## make all golden files again (PYTHON with Tests/suites/parity/requirements.txt)
	for script in Tests/*/Fixtures/make_*.py Tests/suites/smoke/make_expected.py; do \
		echo "$$script"; $(PYTHON) $$script || exit 1; done

clean: ## remove what was built
	rm -rf .build demo.png
