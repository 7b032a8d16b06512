# Needs make and Go; the first run of a goal installs the rest. `make` lists the goals.
MAKEFLAGS += --no-print-directory
# Where Go's own installer puts it, for shells that have not been told.
export PATH := $(PATH):/usr/local/go/bin
LINT := go tool -modfile=tools.mod golangci-lint

.PHONY: help
help: ## list the goals
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

.PHONY: demo
demo: ## watch it at work; only the demo writes to standard output, as in: make demo ARGS=--json | tail -n 1 | jq
	@sh deployments/setup.sh go postgres redis >&2
	@$(MAKE) build >&2
	@./bin/simtransfer demo $(ARGS)

.PHONY: chaos
chaos: ## let everything fail at random, and count what is left: make chaos SECONDS=300 SEED=7
	@sh deployments/setup.sh go postgres redis >&2
	@$(MAKE) build >&2
	@./bin/simtransfer chaos --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: build
build: ## compile to bin/simtransfer
	go build -o bin/simtransfer .

.PHONY: test
test: ## run all tests, on servers of their own
	@sh deployments/setup.sh go cc postgres redis chromium
	CGO_ENABLED=1 go test -race -timeout 10m ./...

.PHONY: bench
bench: ## measure it against plain SQL and job queues: SIMS=100000 ONLY=growth,million WRITE=1
	@sh deployments/setup.sh go postgres redis >&2
	@$(MAKE) build >&2
	@cd bench && go run . -sims $(or $(SIMS),100000) -only "$(ONLY)" $(if $(WRITE),-docs ../docs) $(ARGS)

.PHONY: lint
lint: ## look for mistakes, misplaced imports and wrong formatting
	@sh deployments/setup.sh go
	$(LINT) run ./...

.PHONY: spectral
spectral: build ## look for mistakes in the OpenAPI document; needs node
	./bin/simtransfer openapi > bin/openapi.json
	npx --yes @stoplight/spectral-cli@6.16.3 lint --fail-severity=warn bin/openapi.json

.PHONY: fmt
fmt: ## format the code
	@sh deployments/setup.sh go
	$(LINT) fmt ./...
