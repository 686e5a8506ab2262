# Everything a contributor runs. Each target needs Go, git and the package registries only; what else is needed is built
# at the versions below and kept in bin/tools.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

# Tools at exact versions: a newer one is a decision, and a commit of its own.
GOLANGCI_LINT_VERSION := v2.15.0

# How many packages are tested at once. Each may run a control plane of about 650 MiB.
TEST_PACKAGES ?= 2
# Flags for go test, such as GOTESTFLAGS='-run TestPlan -v'.
GOTESTFLAGS ?=
# How long each function is fuzzed.
FUZZTIME ?= 2s
# Flags for the demo and the benchmark, such as ARGS=--once.
ARGS ?=

# Every Go module of the tree; a new one is tested and linted without being named here.
MODULES := $(patsubst %/,%,$(dir $(shell find . -name go.mod -not -path '*/testdata/*' -not -path '*/node_modules/*' | sort)))

# each runs a command in every module that has packages, and fails after the last if it failed in one. tools/cosign,
# tools/golden, tools/sops and the modules in bench/peers/ only pin programs.
each = failed=; for module in $(MODULES); do \
	if [ -z "$$(cd $$module && go list -e ./... 2>/dev/null)" ]; then continue; fi; \
	echo "$(1) $$module"; \
	(cd $$module && $(2)) || failed="$$failed $$module"; \
done; \
if [ -n "$$failed" ]; then echo "$(1) failed for$$failed" >&2; exit 1; fi

LINTER := $(CURDIR)/bin/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)

# A module is built by what its own go.mod says.
export GOWORK := off

.DEFAULT_GOAL := help

##@ Use it

.PHONY: build
build: ## Build bin/syncline
	@echo "building bin/syncline (the first time takes some minutes)" >&2
	@go build -o bin/syncline ./cmd/syncline

.PHONY: demo
demo: build ## Start a control plane, a Git server and Syncline, and show the loop. ARGS=--once: check it and stop
	@go build -o bin/syncline-demo ./cmd/syncline-demo
	@exec bin/syncline-demo --syncline bin/syncline $(ARGS)

##@ Work on it

.PHONY: test
test: ## Run the tests of every module, against a real control plane. GOTESTFLAGS=… adds flags
	@$(call each,testing,go test -p $(TEST_PACKAGES) -timeout 20m $(GOTESTFLAGS) ./...)

.PHONY: neighbours
neighbours: ## Attack what projects share beside the commits of one, which have to arrive in time: it measures, so run nothing beside it
	@cd devcluster/e2e && go test -count=1 -timeout 20m -run '^TestNeighbours$$' $(GOTESTFLAGS) . -neighbours

.PHONY: race
race: ## Run the tests that need no cluster under the race detector, which needs a C compiler; not those of git, which is another program
	@go test -race -skip '^TestMemoryOfAForgedStatus$$' -p $(TEST_PACKAGES) -timeout 20m $(GOTESTFLAGS) $$(go list ./... | grep -v /internal/edge/git$$ | grep -vxFf <(grep -rlE \
		'testenv\.(Main|StartCluster)\(|kube/kubetest"|^package testenv' --include='*_test.go' cmd deploy internal | \
		xargs dirname | sort -u | sed "s|^|$$(go list -m)/|"))

# Where goroutines meet and no cluster is needed; the rest takes the race detector longer than a change should wait.
# What memory is taken is another thing under it: TestLimits and TestMemoryOfAForgedStatus are left out.
RACE_SHORT := automation/... engine engine/affected engine/queue engine/source engine/apply engine/policy engine/health/... \
	catalog dialect/argo/... edge/kube/live/stream base/bound base/confined base/demand base/fair base/processor

.PHONY: race-short
race-short: ## The part of race that every change has to pass: half of the random cases, where goroutines meet
	@go test -race -short -skip '^(TestLimits|TestMemoryOfAForgedStatus)$$' -p $(TEST_PACKAGES) -timeout 10m $(GOTESTFLAGS) $(RACE_SHORT:%=./internal/%)

.PHONY: lint
lint: $(LINTER) ## Check style and common mistakes in every module; .golangci.yml says what and why
	@$(call each,linting,$(LINTER) run --config $(CURDIR)/.golangci.yml ./...)

.PHONY: shape
shape: ## Measure the code: lines, functions, interfaces, imports. docs/design/shape.md has the numbers
	@cd tools/shape && go run . -dir ../.. ./...

.PHONY: format
format: $(LINTER) ## Format the Go code of every module
	@$(call each,formatting,$(LINTER) fmt --config $(CURDIR)/.golangci.yml ./...)

.PHONY: generate
generate: ## Make every generated file anew
	@$(call each,generating in,go generate ./...)

.PHONY: verify
verify: ## Fail if make generate changes anything, or if a go.mod is not tidy
	@before=$$(mktemp) after=$$(mktemp); trap 'rm -f "$$before" "$$after"' EXIT; \
	state() { git diff HEAD; git ls-files --others --exclude-standard -z | xargs -0 -r sha256sum; }; \
	state >"$$before"; $(MAKE) generate; state >"$$after"; \
	if ! cmp -s "$$before" "$$after"; then \
		diff -u "$$before" "$$after" | head -100 || true; \
		echo "generated files are not current: run make generate and commit the result" >&2; exit 1; \
	fi
	@$(call each,checking the requirements of,go mod tidy -diff)

.PHONY: bench
bench: ## Measure Syncline against bare server-side apply; results are in bench/results. ARGS='--apps 100' for less
	@(cd bench && go build -o ../bin/syncline-bench .)
	@cd bench && exec ../bin/syncline-bench run $(ARGS)

.PHONY: bench-short
bench-short: ## The part of the benchmark that every change has to pass: it counts requests and memory, and takes six minutes
	@(cd bench && go build -o ../bin/syncline-bench .)
	@cd bench && exec ../bin/syncline-bench run --check --out ../bin/bench-short \
		--workloads W1,W2,W3,W4,W10 --apps 100 --idle 60s --drifts 20 --record=false --releases "Helm repository" $(ARGS)

.PHONY: fuzz
fuzz: ## Fuzz every Fuzz function of every module for FUZZTIME each; what is found is kept in testdata/fuzz
	@$(call each,fuzzing in,$(CURDIR)/.ci/fuzz $(FUZZTIME))

.PHONY: nightly
nightly: ## What takes too long for every change: 10,000 random commits rendered both ways, 5,000 random syncs judged, hours of fuzzing, and the benchmark with 5,000 apps
	@echo "comparing incremental rendering with rendering from scratch in 10,000 cases"
	@go test -count=1 -timeout 3h ./internal/engine/render -run '^TestIncrementalEqualsFromScratch$$' -rapid.checks=2000
	@seed=$$(date +%s); echo "judging 5,000 random syncs of seed $$seed"; \
		go test -count=1 -timeout 3h ./internal/engine/referee -cases 5000 -seed $$seed
	@$(MAKE) neighbours
	@$(MAKE) race
	@$(MAKE) fuzz FUZZTIME=5m
	@(cd bench && go build -o ../bin/syncline-bench .)
	@cd bench && ../bin/syncline-bench run --check --out ../bin/nightly --workloads W1 --apps 500,5000 $(ARGS)
	@cd bench && exec ../bin/syncline-bench run --check --out ../bin/nightly-releases --workloads W1,W10 --shapes monorepo --apps 1000 $(ARGS)

# The peers take minutes to build, once, and need redis-server. Each workload runs for all contenders in turn.
.PHONY: bench-peers
bench-peers: ## Measure Syncline side by side with Flux and Argo CD, built from their Go modules. ARGS as for bench
	@command -v redis-server >/dev/null || { echo "Argo CD needs Redis: apt-get install redis-server" >&2; exit 1; }
	@(cd bench && go build -o ../bin/syncline-bench .)
	@cd bench && exec ../bin/syncline-bench run --workloads W1,W2,W3 \
		--contenders floor,syncline,flux,argocd,argocd-50-25 $(ARGS)

.PHONY: microbench
microbench: ## Run the Go benchmarks of every module, and no tests
	@$(call each,benchmarking,go test -p 1 -run '^$$' -bench . -benchmem $(GOTESTFLAGS) ./...)

.PHONY: clean
clean: ## Remove bin/. The devcluster stays in the user's cache folder, because it takes minutes to build
	@rm -rf bin

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

$(LINTER):
	@echo "building golangci-lint $(GOLANGCI_LINT_VERSION) (once, some minutes)"
	@mkdir -p $(@D)
	@GOBIN=$(@D)/new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(@D)/new/golangci-lint $@ && rmdir $(@D)/new
