# SPDX-License-Identifier: MIT
test_programs += \
	%D%/test_concurrent \
	%D%/test_history \
	%D%/test_model
%C%_test_history_SOURCES = %D%/test_history.c %D%/oracle.c %D%/oracle.h
%C%_test_model_SOURCES = %D%/test_model.c %D%/oracle.c %D%/oracle.h
