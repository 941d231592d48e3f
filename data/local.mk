# SPDX-License-Identifier: MIT
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = %D%/libttrunks.pc

if WITH_FUSE
if INSTALL_UNIT
systemdsystemunit_DATA = %D%/ttrunksfs@.service
endif
endif

%D%/ttrunksfs@.service: %D%/ttrunksfs@.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SED) 's|@bindir[@]|$(bindir)|g' \
		'$(srcdir)/%D%/ttrunksfs@.service.in' >'$@.tmp' && \
	mv '$@.tmp' '$@'

CLEANFILES += %D%/ttrunksfs@.service
EXTRA_DIST += %D%/README.md %D%/ttrunksfs@.service.in

# What an embedding program looks like; tests/api/example.sh runs it.
exampledir = $(docdir)/examples
dist_example_DATA = %D%/examples/notes.c
check_PROGRAMS += %D%/examples/notes
%C%_examples_notes_LDADD = libttrunks.la
%C%_examples_notes_CPPFLAGS = $(API_CPPFLAGS)

# bash-completion looks for a file by the name of the program.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completions/ttrunks
completed_programs = ttrunks-backup ttrunksfs ttrunksd ttrunks-fsck ttrunks-datagen

install-data-hook:
	cd '$(DESTDIR)$(bashcompletiondir)' && \
	for program in $(completed_programs); do \
		rm -f "$$program" && $(LN_S) ttrunks "$$program" || exit 1; \
	done

uninstall-hook:
	for program in $(completed_programs); do \
		rm -f "$(DESTDIR)$(bashcompletiondir)/$$program"; \
	done
