# SPDX-License-Identifier: MIT
api_test_programs += \
	%D%/test_api \
	%D%/test_batches \
	%D%/test_copies \
	%D%/test_multi_get \
	%D%/test_options \
	%D%/test_reads \
	%D%/test_value_copies
%C%_test_api_SOURCES = %D%/test_api.c %D%/api.h
%C%_test_api_LDADD = $(API_LINK)
%C%_test_api_CPPFLAGS = $(API_CPPFLAGS)
%C%_test_batches_SOURCES = %D%/test_batches.c %D%/api.h
%C%_test_batches_LDADD = $(API_LINK)
%C%_test_batches_CPPFLAGS = $(API_CPPFLAGS)
%C%_test_copies_CPPFLAGS = $(API_CPPFLAGS)
%C%_test_copies_LDADD = $(API_LINK)
%C%_test_multi_get_CPPFLAGS = $(API_CPPFLAGS)
%C%_test_multi_get_LDADD = $(API_LINK)
%C%_test_multi_get_SOURCES = %D%/test_multi_get.c %D%/api.h
%C%_test_options_SOURCES = %D%/test_options.c %D%/api.h
%C%_test_options_LDADD = $(API_LINK)
%C%_test_options_CPPFLAGS = $(API_CPPFLAGS)
%C%_test_reads_SOURCES = %D%/test_reads.c %D%/api.h
%C%_test_reads_LDADD = $(API_LINK)
%C%_test_reads_CPPFLAGS = $(API_CPPFLAGS)
%C%_test_value_copies_SOURCES = %D%/test_value_copies.c %D%/api.h
%C%_test_value_copies_LDADD = $(API_LINK)
%C%_test_value_copies_CPPFLAGS = $(API_CPPFLAGS)

test_scripts += %D%/example.sh
