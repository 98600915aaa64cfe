# Two commands are all that a newcomer needs: `make run` and `make test`. Both install what is missing.
SHELL := /bin/bash
SWIFT ?= swift
# Generic types are made from what the compiler knows. By default their names are parsed when a program first needs them, and
# what they conform to is looked up one by one: 8 ms of `sandboxctl exec --standalone`.
RELEASE := $(SWIFT) build -c release -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
PRODUCTS := .build/release
# The Swift runtime is linked into these, so that they need no toolchain where they run. sandbox-init and
# sandbox-probe have no runtime, and the compiler finds no Embedded Swift when it is told to link one in, so they are built
# by themselves. sandboxctl is linked without a loader, because it is started for every command.
PROGRAMS := sandboxd sandbox-launcher sandbox-docker sandboxctl sandboxctl-verbs example-agent sandbox-bench
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Debian packages: what the Swift toolchain links with, the one C library of ours, what demo and tests start, and what the
# compatibility cases run.
PACKAGES := binutils gcc git libc6-dev libcurl4 libncurses6 libseccomp-dev libsqlite3-0 libstdc++-12-dev libxml2 \
    pkg-config procps python3 python3-prometheus-client zlib1g-dev \
    bash bc bsdextrautils bzip2 ca-certificates ed file g++ jq make netbase openssl patch perl python3-venv rsync sqlite3 \
    strace tzdata unzip xxd xz-utils zip zstd

# Tests of containers have an engine where SANDBOX_REQUIRE names docker, or DOCKER_HOST one with the images of Tests/Docker; else they
# say that they need one, and are skipped.
comma := ,
DOCKER_PACKAGES := docker.io curl debootstrap busybox-static
WITH_ENGINE := Tests/Docker/with-engine.sh .build/docker
IN_ENGINE := $(if $(filter docker,$(subst $(comma), ,$(SANDBOX_REQUIRE))),$(WITH_ENGINE))
# What is about runs, their limits, ends, streams, workspaces and denials; what is about the native backend's own pools, groups and
# paths, or about words and files, is not.
DOCKER_RUNS := Exec|Outcome|Stream|Input|Ending|Grace|OutputKeep|UsageVerb|Lifecycle|Drain|ExitRace|LastWrite|WorkspaceRace|Counter
DOCKER_LAUNCHES := Container|ContainerAttack|Denial|Ending|SilentStart|LimitBoundary|LauncherLimit|Start|Workspace|Size|WorkspaceRoots
DOCKER_FILTER ?= IntegrationTests[.]($(DOCKER_RUNS))Tests|LauncherTests[.]($(DOCKER_LAUNCHES))Tests|EscapeTests

FUZZ_SECONDS ?= 20
FUZZ_MAX_LEN ?= 300
FUZZ_TARGETS := wire policy plan shell
FUZZ := .build/fuzz/release/Fuzzing

# What the virtual machines of the tests run: what depends on kernel and cgroups, in two machines at a time. Left out is what needs
# much time or a Swift toolchain inside, what is about words, policies, streams and reloads alone, and two tests of VerifyTests: their policy
# `small` has a twentieth of a core, with which a probe on an emulated processor does not end in its five seconds; and 10,000
# processes. The seconds are those of one machine's tests, without the boot.
VM_SLOW := 10,000 zombies|hundreds of sandboxes|every policy.s confinement|verify prints a table|a preparer that was behind
VM_WORDS := BadInput|BuiltInPolicy|PolicyVerb|ServicePolicy|Reload|ReloadHostility|Stream|Input|OutputKeep|Exec|Plan|EngineFailure
VM_SKIP ?= RaceTests|HostileMessage|BenchTests|DocumentedClients|UserPackage|[.]($(VM_WORDS))Tests|$(VM_SLOW)
VM_SECONDS ?= 3000
export VM_FILTER VM_SKIP VM_SECONDS
VM_TARGETS := vm-root vm-packages vm-service vm-suites vm-tests vm-escape vm-integration
$(VM_TARGETS): MORE_PACKAGES := debian-archive-keyring debootstrap e2fsprogs qemu-system-x86

.PHONY: test-docker install manual deb vm-test vm-package $(VM_TARGETS) fuzz fuzz-corpora run test test-release build packages bench bench-smoke format lint clean help

help:
	@echo "make run     build the release programs and run the demonstration (needs root: uses sudo if you are not)"
	@echo "make test    build and run the whole test suite; tests that need root are skipped without it"
	@echo "make test-docker  the tests of whole sandboxes again in containers (needs root): DOCKER_FILTER='ExecTests' chooses"
	@echo "make vm-test test on Debian 12 in virtual machines (needs root): vm-service its package and service, vm-suites"
	@echo "             the tests on cgroup v2 and Linux 6.1 (VM_FILTER='ExecTests' chooses)"
	@echo "make build   build the release programs into $(PRODUCTS)"
	@echo "make install install below DESTDIR and PREFIX ($(PREFIX)): programs, units, completions; nothing is started"
	@echo "make deb     make a Debian package of it in .build/deb, which puts it into service"
	@echo "make bench   measure beside posix_spawn, pipes and other sandboxes for seven minutes (needs root)"
	@echo "make bench-smoke  the same in a minute: fails only where a ratio is three times off, twice"
	@echo "make fuzz    fuzz the decoders for FUZZ_SECONDS=20 each"
	@echo "make lint    check the formatting; make format mends it"

run: build
	@$(SUDO) Sources/example-agent/Demo/run.sh $(PRODUCTS)

# Debug programs beside the test bundle: the tests start those. One test at a time: many of them start daemons and wait for
# other processes, on two cores and a thread pool of two.
ifdef IN_ENGINE
test test-release: MORE_PACKAGES := $(DOCKER_PACKAGES)
endif
test: packages
	$(SWIFT) build --build-tests
	.build/debug/sandboxctl policy check policies
	.build/debug/sandboxctl policy test policies/tests
	$(IN_ENGINE) $(SWIFT) test --skip-build --disable-xctest --no-parallel

# The same tests of whole programs against the optimized ones.
test-release: build
	$(SWIFT) build --build-tests
	SANDBOX_PRODUCTS=$(PRODUCTS) $(IN_ENGINE) $(SWIFT) test --skip-build --disable-xctest --no-parallel \
	    --filter 'IntegrationTests|LauncherTests' --skip 'UserPackage|ContainerRecovery|EngineRecovery|EngineFailure'

# The same tests with containers for sandboxes, in the engine of DOCKER_HOST or one that is started for them: Tests/Docker.
test-docker: MORE_PACKAGES := $(DOCKER_PACKAGES)
test-docker: packages
	$(SWIFT) build --build-tests
	SANDBOX_BACKEND=docker SANDBOX_REQUIRE=$${SANDBOX_REQUIRE:+$$SANDBOX_REQUIRE,}docker \
	    $(WITH_ENGINE) $(SWIFT) test --skip-build --disable-xctest --no-parallel --filter '$(DOCKER_FILTER)'

# On Debian 12 with its kernel and systemd, in qemu: Tests/VirtualMachine. The package and its service, and the tests of the
# host against the package's programs (VM_PROGRAMS=debug: against those of the tests' own build). Two machines at once, the longest
# first: with three on two cores a policy's probe did not always end in its five seconds. Each one's output comes when it is done,
# and is in .build/vm before.
vm-test:
	@$(MAKE) -j2 --output-sync=target --no-print-directory vm-integration vm-escape vm-service

# VM_STAGES, of Tests/VirtualMachine/guest/stages, chooses.
vm-service: vm-root vm-package
	@$(SUDO) Tests/VirtualMachine/service.sh .build/deb/sandboxd_*.deb $(VM_STAGES)

# VM_FILTER chooses, for one machine.
ifdef VM_FILTER
vm-suites: vm-tests
	@$(call vm-machine,chosen,$$VM_FILTER)
else
vm-suites:
	@$(MAKE) -j2 --output-sync=target --no-print-directory vm-escape vm-integration
endif
vm-escape: vm-tests
	@$(call vm-machine,escape,EscapeTests)
vm-integration: vm-tests
	@$(call vm-machine,integration,LauncherTests|IntegrationTests)
vm-machine = libraries=$$($(SWIFT) -print-target-info | jq -er '.paths.runtimeLibraryPaths[]') && \
	$(SUDO) env "VM_FILTER=$(2)" "VM_SKIP=$$VM_SKIP" "VM_SECONDS=$$VM_SECONDS" "VM_ACCEL=$$VM_ACCEL" \
	"VM_CPUS=$$VM_CPUS" "VM_MEMORY=$$VM_MEMORY" Tests/VirtualMachine/test.sh $(1) $(VM_PROGRAMS) $$libraries

VM_PROGRAMS ?= package
vm-tests: vm-root $(if $(filter package,$(VM_PROGRAMS)),vm-package)
	$(SWIFT) build --build-tests

vm-packages: packages
# Not to be given away: to compress it well takes a minute.
vm-package:
	$(MAKE) deb DEB_COMPRESSION=-Zzstd

vm-root: packages
	@mkdir -p .build/vm
	@$(SUDO) Tests/VirtualMachine/root.sh .build/vm/root $(PACKAGES)

# libFuzzer over what reads untrusted bytes; FUZZ_SECONDS for each target. What it finds is in .build/fuzz-crashes, each file
# to be run again by `FUZZ_TARGET=name .build/fuzz/release/Fuzzing FILE`. New inputs stay in .build/fuzz-corpora.
fuzz: packages
	SANDBOXD_FUZZ=1 $(SWIFT) build -c release --sanitize fuzzer --scratch-path .build/fuzz --product Fuzzing
	@set -e; export SWIFT_BACKTRACE=enable=no; for t in $(FUZZ_TARGETS); do \
	    mkdir -p .build/fuzz-corpora/$$t .build/fuzz-crashes; dictionary=Tests/Fuzzing/Dictionaries/$$t.dict; \
	    real=; if [ $$t = policy ]; then real=policies; fi; \
	    log=.build/fuzz-crashes/$$t.log; echo "fuzzing $$t for $(FUZZ_SECONDS) s"; \
	    FUZZ_TARGET=$$t $(FUZZ) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
	        -print_final_stats=1 -artifact_prefix=.build/fuzz-crashes/$$t- \
	        $$(test -f $$dictionary && echo -dict=$$dictionary) \
	        .build/fuzz-corpora/$$t Tests/Fuzzing/Corpora/$$t $$real >$$log 2>&1 </dev/null || { tail -40 $$log; exit 1; }; \
	    grep -E 'INITED|DONE' $$log; done

# The smallest inputs that reach what all known ones reach become the corpora of the tree.
fuzz-corpora:
	@set -e; export SWIFT_BACKTRACE=enable=no; for t in $(FUZZ_TARGETS); do \
	    rm -rf .build/fuzz-merged; mkdir -p .build/fuzz-merged; \
	    FUZZ_TARGET=$$t $(FUZZ) -set_cover_merge=1 -max_len=$(FUZZ_MAX_LEN) -timeout=10 .build/fuzz-merged \
	        Tests/Fuzzing/Corpora/$$t .build/fuzz-corpora/$$t >.build/fuzz-crashes/$$t.log 2>&1 </dev/null; \
	    rm -rf Tests/Fuzzing/Corpora/$$t; mv .build/fuzz-merged Tests/Fuzzing/Corpora/$$t; \
	    du -sb Tests/Fuzzing/Corpora/$$t; done

build: packages
	$(RELEASE) --product sandbox-init
	$(RELEASE) --product sandbox-probe
	@set -e; for p in $(PROGRAMS); do \
	    echo "$(RELEASE) --static-swift-stdlib --product $$p"; \
	    $(RELEASE) --static-swift-stdlib --product $$p; done

# One directory for all programs, which find each other beside themselves; on the path are links to two of them. Nothing is
# started or enabled: `make deb`'s package does that.
PREFIX ?= /usr/local
PRIVATE := $(PREFIX)/libexec/sandboxd
INSTALLED := sandboxd sandbox-launcher sandbox-docker sandbox-init sandbox-probe sandboxctl sandboxctl-verbs
MANUAL := Sources/sandboxctl-verbs/Manual
# The date of manual pages and package is the sources', so that the same sources make the same files.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
# For the shell, once it is built: what the programs say.
VERSION := $$($(PRODUCTS)/sandboxctl-verbs version --json --socket /dev/null | jq -er .sandboxctl)
export SOURCE_DATE_EPOCH

install: build
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin sbin libexec/sandboxd lib/systemd/system lib/sysusers.d lib/tmpfiles.d \
	    share/bash-completion/completions share/zsh/vendor-completions share/fish/vendor_completions.d \
	    share/doc/sandboxd share/man/man1 share/man/man5 share/man/man8)
	install -m 755 $(addprefix $(PRODUCTS)/,$(INSTALLED)) $(DESTDIR)$(PRIVATE)
	ln -sfn ../libexec/sandboxd/sandboxctl $(DESTDIR)$(PREFIX)/bin/sandboxctl
	ln -sfn ../libexec/sandboxd/sandboxd $(DESTDIR)$(PREFIX)/sbin/sandboxd
	install -m 644 systemd/sandboxd.socket systemd/sandbox.slice $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/\(s\?bin\)/|$(PREFIX)/\1/|' systemd/sandboxd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/sandboxd.service
	install -m 644 systemd/sandboxd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/sandboxd.conf
	install -m 644 systemd/sandboxd.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sandboxd.conf
	$(PRODUCTS)/sandboxctl-verbs --generate-completion-script bash | sed '1{/^#!/d}' \
	    >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sandboxctl
	$(PRODUCTS)/sandboxctl-verbs --generate-completion-script zsh \
	    >$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_sandboxctl
	$(PRODUCTS)/sandboxctl-verbs --generate-completion-script fish \
	    >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sandboxctl.fish
	$(MAKE) --no-print-directory manual MANUAL_DIRECTORY=$(DESTDIR)$(PREFIX)/share/man
	systemd/documents.py $(DESTDIR)$(PREFIX)/share/doc/sandboxd

# Manual pages from what the programs say of themselves; the build does not wait for them.
MANUAL_DIRECTORY ?= .build/man
manual:
	@mkdir -p $(addprefix $(MANUAL_DIRECTORY)/,man1 man5 man8)
	@set -e; export VERSION=$(VERSION); page="$(MANUAL)/manual.py"; to=$(MANUAL_DIRECTORY); \
	    $(PRODUCTS)/sandboxctl-verbs --experimental-dump-help | $$page help 1 $$to/man1 $(MANUAL)/sandboxctl.md; \
	    $(PRODUCTS)/sandboxd --experimental-dump-help | $$page help 8 $$to/man8 $(MANUAL)/sandboxd.md; \
	    $$page markdown sandboxd-policy 5 $$to/man5 Sources/SandboxPolicy/PolicyFormat.md

# A Debian package: `apt-get install ./.build/deb/sandboxd_*.deb` puts it into service.
deb:
	@rm -rf .build/deb
	$(MAKE) install MORE_PACKAGES=dpkg-dev DESTDIR=$(CURDIR)/.build/deb/stage PREFIX=/usr
	@systemd/debian/package.sh .build/deb/stage $(VERSION)-1 .build/deb
	@rm -rf .build/deb/stage

packages:
	@missing=$$(for p in $(PACKAGES) $(MORE_PACKAGES); do \
	    dpkg-query -W -f='$${Status}\n' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    echo "installing Debian packages:" $$missing; \
	    $(SUDO) apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
	@command -v $(SWIFT) >/dev/null || { echo "no swift in PATH: install a Swift 6.3 toolchain, see swift.org" >&2; exit 1; }

# Beside bubblewrap it measures whatever else this host has: BENCH_OPTIONS chooses, `sandbox-bench --help compare` explains.
bench bench-smoke: MORE_PACKAGES := bubblewrap
bench: build
	@$(SUDO) $(PRODUCTS)/sandbox-bench $(BENCH_OPTIONS)

# About a minute after the build, and fails only where a ratio is three times off twice: never by a time.
bench-smoke: build
	@$(SUDO) $(PRODUCTS)/sandbox-bench --smoke $(BENCH_OPTIONS)

format:
	$(SWIFT) format -i -r Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict -r Sources Tests Package.swift

clean:
	rm -rf .build
