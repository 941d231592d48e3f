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
EXTRA_DIST += %D%/ttrunksfs@.service.in
