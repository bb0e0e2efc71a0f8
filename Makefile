# Everything a change goes through, one word each. `make check` is what CI runs, less the cross builds.

GO        ?= go
LINT      := bin/golangci-lint
GOFUMPT   := bin/gofumpt
FUZZTIME  ?= 30s
SEEDS     ?= 1 2 3 4 5
SCENARIOS ?= azure-eu-502 rate-limit-storm truncated-streams provider-down calm

.PHONY: build check test race fmt vet lint fuzz fuzz-smoke golden picture drill-seeds bench bench-scan bench-meaning bench-detect clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/signalbox .

check: fmt vet lint race fuzz-smoke

test:
	$(GO) test ./...

race:
	GORACE=atexit_sleep_ms=20 $(GO) test -race -timeout 10m ./...

# Names the files that are not formatted, and fails if there are any.
fmt: $(GOFUMPT)
	@.ci/fmt

vet:
	$(GO) vet ./...

lint: $(LINT)
	$(LINT) run

# FUZZTIME for every fuzz target of the tree, one after the other.
fuzz:
	.ci/fuzz $(FUZZTIME)

fuzz-smoke:
	.ci/fuzz 3s

# Rewrites the golden files; read the difference before it is committed.
golden:
	UPDATE_GOLDEN=1 $(GO) test ./ui/... ./internal/...

# Draws docs/console.svg, the picture of the README, from the real console on the real drill.
picture:
	SIGNALBOX_PICTURE=$(CURDIR)/docs/console.svg $(GO) test -count=1 -run '^TestPicture$$' ./internal/cli

# Every scenario with every seed and nobody at the levers; the scenarios run side by side.
drill-seeds: build
	.ci/drill-seeds bin/signalbox "$(SCENARIOS)" "$(SEEDS)"

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Counts a log of 1 GB, written into a temporary folder, with scan and with what one would take instead: wc, jq, lnav,
# goaccess and DuckDB, as far as they are there.
bench-scan: build
	cd tools/peers && $(GO) run . -signalbox ../../bin/signalbox

# How well error texts are understood, and what a verdict costs: SIGNALBOX_CORPUS names a file of labelled texts.
# In-sample, held out (without the words that only a text's own source holds), and strict (documented words, too).
bench-meaning:
	$(GO) test -count=1 -run '^TestMeaning$$' -v ./internal/fault
	$(GO) test -run '^$$' -bench 'Corpus|Classify' -benchmem ./internal/fault

# How soon and how rightly the detector speaks, on labelled traffic, beside what was aimed at: DETECT for its flags,
# such as DETECT="-seed 1000 -parts full,calm -check". tools/detect/README.md explains the parts.
bench-detect: build
	cd tools/detect && $(GO) run . $(DETECT)

# The linter is a module of its own, so that go.mod stays the product's.
$(LINT): tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && $(GO) build -o ../../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GOFUMPT): tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && $(GO) build -o ../../$(GOFUMPT) mvdan.cc/gofumpt

clean:
	rm -rf bin dist
