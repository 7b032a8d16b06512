# Needs make and Go. Each target installs what else it needs (deployments/setup.sh).
MAKEFLAGS += --no-print-directory
# The default folder of Go's installer, in case the shell's PATH lacks it.
export PATH := $(PATH):/usr/local/go/bin
# Without GOFLAGS, because with -race it would be slow.
LINT = $$(GOFLAGS= go tool -n -modfile=$(CURDIR)/tools.mod golangci-lint)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

.PHONY: demo
demo: ## transfer 10,000 SIMs on private servers; the report is on standard output: make demo ARGS=--json | tail -n 1 | jq
	@sh deployments/setup.sh go postgres redis $(if $(findstring --freeradius,$(ARGS)),freeradius) >&2
	@$(MAKE) build >&2
	@./bin/simtransfer demo $(ARGS)

.PHONY: chaos
chaos: ## inject random faults and verify that nothing is lost or duplicated: make chaos SECONDS=300 SEED=7
	@sh deployments/setup.sh go postgres redis >&2
	@$(MAKE) build >&2
	@./bin/simtransfer chaos --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: build
build: ## compile to bin/simtransfer
	go build -o bin/simtransfer .

.PHONY: test
test: ## run the tests with the race detector, all or some: make test PKG=./worker RUN=TestPartialAcceptance
	@sh deployments/setup.sh go cc postgres redis chromium pgbouncer freeradius nginx jq node
	CGO_ENABLED=1 go test -race -timeout 15m $(if $(VET),-vet=$(VET)) $(if $(RUN),-run '$(RUN)') $(or $(PKG),./...)

.PHONY: bench
bench: ## compare the performance with plain SQL and other job queues: make bench SIMS=100000 ONLY=growth,million WRITE=1
	@sh deployments/setup.sh go postgres redis >&2
	@$(MAKE) build >&2
	@cd bench && go run . -sims $(or $(SIMS),100000) -only "$(ONLY)" $(if $(WRITE),-docs ../docs) $(ARGS)

.PHONY: lint
lint: ## run the linters, which also check imports between packages and formatting
	@sh deployments/setup.sh go
	$(LINT) run ./...
	cd bench && $(LINT) run ./...

.PHONY: fmt
fmt: ## format the code
	@sh deployments/setup.sh go
	$(LINT) fmt ./...

.PHONY: generate
generate: ## regenerate all generated files: the OpenAPI test client, the rendered SQL, the outputs in docs/command-line.md, the notices
	@sh deployments/setup.sh go postgres redis jq
	go generate $(if $(SKIP),-skip '$(SKIP)') ./...

.PHONY: notices
notices: ## regenerate THIRD_PARTY_NOTICES.txt, the licenses of everything from others in the binary
	@sh deployments/setup.sh go
	go generate ./dev/notices

.PHONY: screenshots
screenshots: ## take the pictures of the console in the README; with PAGES="/ /queue" AS=Support those of whole pages, into bin/screenshots
	@sh deployments/setup.sh go postgres redis chromium
	@$(MAKE) build
	go run ./dev/screenshots -start bin/simtransfer $(if $(PAGES),-as "$(or $(AS),Harbour Logistics)" $(PAGES),-out docs/pictures)

.PHONY: sbom
sbom: build ## write the bill of materials of the binary (CycloneDX) to bin/sbom.cdx.json
	go tool -modfile=tools.mod cyclonedx-gomod bin -json -std -licenses -version "$$(./bin/simtransfer --version)" -output bin/sbom.cdx.json bin/simtransfer

.PHONY: vulncheck
vulncheck: ## look for known vulnerabilities in the code that is used; needs the database at vuln.go.dev, or GOVULNDB
	@sh deployments/setup.sh go
	@mkdir -p bin
	@go tool -modfile=tools.mod govulncheck ./... >bin/vulncheck.txt 2>&1; status=$$?; cat bin/vulncheck.txt; \
	if grep -q '^govulncheck: fetching vulnerabilities' bin/vulncheck.txt; then \
		echo "vulncheck: NOTHING WAS CHECKED: the vulnerability database cannot be reached. Run this where https://vuln.go.dev can be, or set GOVULNDB to the URL of a copy." >&2; \
	fi; exit $$status

.PHONY: spectral
spectral: build ## lint the OpenAPI document; needs node
	./bin/simtransfer openapi > bin/openapi.json
	npx --yes @stoplight/spectral-cli@6.16.3 lint --fail-severity=warn bin/openapi.json

.PHONY: ci
ci: ## run everything that must pass before a change is merged
	.ci/run
