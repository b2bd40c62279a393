# quell
#
#   make drill     the whole night, in a sandbox
#   make check     every test                     T=tests/x.bats: only those
#   make           build/bin/*
#   make install   PREFIX=/usr/local DESTDIR=
#   make asan      every test under the sanitizers
#   make lint      sources, scripts, manuals
#   make bench     ratios against what people use today
#   make fuzz      FUZZ_SECONDS=20 for each target
#   make torture   killed at chance: KILLS=500 TORTURE_COUNT=1000000
#   make uninstall, make clean
#
# Honoured: CC CFLAGS CPPFLAGS LDFLAGS; DEPS=0 installs no packages, V=1 shows
# the commands.

# No line per command: a command is cmd/NAME.c, cmd/NAME.1, tests/NAME.bats.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
B ?= build
VERSION := 0.1.0
CC ?= cc
PKG_CONFIG ?= pkg-config
DEPS ?= 1
V ?= 0
Q := $(if $(filter 0,$(V)),@)
say = @$(if $(filter 0,$(V)),printf '%-5s %s\n' $(1) $@,:)

NEEDED := libcurl libcrypto libcrypt libssl json-c expat libpcre2-8 zlib libzstd
# used when pkg-config finds them: HAVE_P11_KIT_1 and so on; --version says so
OPTIONAL := p11-kit-1 libisal libidn2 libpsl libmaxminddb liblzma

LIB_SRC := $(sort $(wildcard lib/*/*.c))
CMD_SRC := $(sort $(wildcard cmd/*.c))
CMDS := $(CMD_SRC:cmd/%.c=%)
BINS := $(CMDS:%=$(B)/bin/%)
LIB := $(B)/libquell.a
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(sort $(wildcard tests/unit/*.c)))
BENCH := $(patsubst tests/bench/%.c,$(B)/bench/%,$(sort $(wildcard tests/bench/*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))
MAN := $(sort $(wildcard cmd/*.[1-8]))
DATA := $(sort $(wildcard lib/*/*.tsv))
# second names, under which a command behaves as others expect
ALIASES := check_dnsbl=dnsbl-check

WARN := -Wall -Wextra -Wpedantic -Wformat=2 -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wwrite-strings -Wcast-qual -Wconversion -Wvla -Wundef \
	-Wimplicit-fallthrough
ifeq ($(CI),true)
WARN += -Werror
endif

# Evaluated late, so that `make deps` can install pkg-config first.
FOUND = $(foreach p,$(OPTIONAL),$(shell $(PKG_CONFIG) --exists $(p) && echo $(p)))
PC_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(NEEDED) $(FOUND)) \
	$(foreach p,$(FOUND),-DHAVE_$(shell echo $(p) | tr a-z- A-Z_))
PC_LIBS = $(shell $(PKG_CONFIG) --libs $(NEEDED) $(FOUND))
BUILD_INFO = $(foreach p,$(NEEDED) $(FOUND),$(p) $(shell $(PKG_CONFIG) --modversion $(p)))

cc-option = $(shell printf 'int main(void){return 0;}' | \
	$(CC) -Werror $(1) -x c -o /dev/null - 2>/dev/null && echo '$(1)')
HARDEN_FLAGS := -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero
HARDEN_LINK := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
ifeq ($(HARDEN),0)
HARDENING :=
HARDENING_LD :=
else
HARDENING = $(foreach f,$(HARDEN_FLAGS),$(call cc-option,$(f))) -fPIE
HARDENING_LD = -pie $(foreach f,$(HARDEN_LINK),$(call cc-option,$(f)))
endif

CFLAGS ?= -O2 -g
ALL_CPPFLAGS = -D_GNU_SOURCE -Ilib -DQUELL_DATADIR='"$(DATADIR)/quell"' \
	$(PC_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=c17 -pthread $(WARN) $(HARDENING) $(CFLAGS)
ALL_LDFLAGS = -Wl,--as-needed $(HARDENING_LD) $(LDFLAGS)

.PHONY: all build deps check drill bench torture lint asan fuzz install uninstall \
	clean bins units help
.DEFAULT_GOAL := build
# objects are kept: deleting them would link everything anew each time
.SECONDARY:

all: build

deps:
	@DEPS=$(DEPS) tests/deps.sh build

build: deps
	@$(MAKE) --no-print-directory bins

# The flags are the same for every file of one run: asked for once, here.
ifneq ($(filter bins units fuzzers benches,$(MAKECMDGOALS)),)
FOUND := $(FOUND)
PC_CFLAGS := $(PC_CFLAGS)
PC_LIBS := $(PC_LIBS)
HARDENING := $(HARDENING)
HARDENING_LD := $(HARDENING_LD)
BUILD_INFO := $(BUILD_INFO)
endif

bins: $(BINS)
units: $(UNIT) $(B)/faults.so
fuzzers: $(FUZZ)
benches: $(BENCH)
.PHONY: fuzzers benches

$(B)/bin/%: $(B)/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIB) $(PC_LIBS)

$(LIB): $(LIB_SRC:%.c=$(B)/%.o)
	@rm -f $@
	$(call say,AR)
	$(Q)$(AR) rcs $@ $^

# What was found, and its flags; newer only when that is not what it was.  All
# objects hang on it: a library that appears is used everywhere, or nowhere.
$(B)/found: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(strip $(BUILD_INFO) $(PC_CFLAGS))' | cmp -s - $@ || \
		printf '%s\n' '$(strip $(BUILD_INFO) $(PC_CFLAGS))' >$@
.PHONY: FORCE

$(B)/%.o: %.c $(B)/found
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lib/core/cli.o: ALL_CPPFLAGS += -DQUELL_VERSION='"$(VERSION)"' \
	-DQUELL_BUILD='"$(strip $(BUILD_INFO))"'

$(B)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -o $@ $< \
		$(LIB) $(PC_LIBS) -lcmocka

$(B)/bench/%: tests/bench/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIB) $(PC_LIBS)

$(B)/fuzz/%: tests/fuzz/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer $(ALL_LDFLAGS) \
		-o $@ $< $(LIB) $(PC_LIBS)

$(B)/faults.so: tests/faults/faults.c
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -D_GNU_SOURCE $(ALL_CFLAGS) -fPIC -shared -o $@ $< -ldl

# T=tests/x.bats narrows it
check: build
	@DEPS=$(DEPS) tests/deps.sh check
	@$(MAKE) --no-print-directory units
	@B=$(B) tests/run.sh $(T)

drill: build
	@DEPS=$(DEPS) tests/deps.sh drill
	@B=$(B) tests/drill/run.sh

# ses-rotate killed at chance, and gone on with: KILLS=500 SEED=1; then Exim
# under load while its queue is purged, and kill -9: TORTURE_COUNT=1000000
torture: build
	@DEPS=$(DEPS) tests/deps.sh check
	@$(MAKE) --no-print-directory units
	@B=$(B) tests/torture/run.sh
	@B=$(B) tests/torture/queue.sh

bench: build
	@DEPS=$(DEPS) tests/deps.sh check
	@$(MAKE) --no-print-directory benches
	@B=$(B) tests/bench/run.sh $(T)

lint:
	@DEPS=$(DEPS) tests/deps.sh lint
	@CC=$(CC) tests/lint.sh

# The same tests under AddressSanitizer and UBSan, in a build of its own.
asan: deps
	@DEPS=$(DEPS) tests/deps.sh check
	@$(MAKE) --no-print-directory B=build/asan HARDEN=0 bins units \
		CFLAGS='-O1 -g -fsanitize=address,undefined \
		-fno-sanitize-recover=undefined -fno-omit-frame-pointer'
	@B=build/asan QUELL_ASAN=1 tests/run.sh $(T)

# FUZZ_SECONDS for each target; a crash is kept under build/fuzzing
FUZZ_SECONDS ?= 20
fuzz: deps
	@DEPS=$(DEPS) tests/deps.sh lint
	@$(MAKE) --no-print-directory B=build/fuzzing CC=clang HARDEN=0 fuzzers \
		CFLAGS='-O1 -g -fsanitize=address,undefined,fuzzer-no-link \
		-fno-sanitize-recover=undefined -DIR_SANITIZE'
	@B=build/fuzzing FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(T)

install: build
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(DATADIR)/quell/playbooks"
	install -m 755 $(BINS) "$(DESTDIR)$(BINDIR)"
	$(foreach a,$(ALIASES),ln -sf $(word 2,$(subst =, ,$a)) \
		"$(DESTDIR)$(BINDIR)/$(word 1,$(subst =, ,$a))";)
	for m in $(MAN); do \
		install -d "$(DESTDIR)$(MANDIR)/man$${m##*.}" && \
		install -m 644 $$m "$(DESTDIR)$(MANDIR)/man$${m##*.}" || exit; \
	done
	install -m 755 $(wildcard playbooks/*) \
		"$(DESTDIR)$(DATADIR)/quell/playbooks"
	$(if $(DATA),install -m 644 $(DATA) "$(DESTDIR)$(DATADIR)/quell")
	install -d "$(DESTDIR)$(DATADIR)/quell/systemd"
	install -m 644 $(wildcard systemd/*) \
		"$(DESTDIR)$(DATADIR)/quell/systemd"

uninstall:
	for c in $(CMDS); do rm -f "$(DESTDIR)$(BINDIR)/$$c"; done
	$(foreach a,$(ALIASES),rm -f \
		"$(DESTDIR)$(BINDIR)/$(word 1,$(subst =, ,$a))";)
	for m in $(notdir $(MAN)); do \
		rm -f "$(DESTDIR)$(MANDIR)/man$${m##*.}/$$m"; done
	rm -rf "$(DESTDIR)$(DATADIR)/quell"

clean:
	rm -rf build

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

-include $(shell find $(B)/lib $(B)/cmd $(B)/unit -type f -name '*.d' 2>/dev/null)
