# SPDX-License-Identifier: MIT
api_test_programs += %D%/test_api
%C%_test_api_LDADD = $(API_LINK)
%C%_test_api_CPPFLAGS = $(API_CPPFLAGS)
api_test_programs += %D%/test_reads
%C%_test_reads_LDADD = $(API_LINK)
%C%_test_reads_CPPFLAGS = $(API_CPPFLAGS)
