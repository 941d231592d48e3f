# SPDX-License-Identifier: MIT
test_programs += %D%/test_delay %D%/test_json %D%/test_request
test_scripts += %D%/conversation.sh %D%/port.sh
EXTRA_DIST += \
	%D%/README.md \
	%D%/conversation.py \
	%D%/port_lib.py \
	%D%/port_test.py \
	%D%/conversations/about.txt \
	%D%/conversations/bad_requests.txt \
	%D%/conversations/batches.txt \
	%D%/conversations/keys.txt \
	%D%/conversations/old_client.txt \
	%D%/conversations/scans.txt \
	%D%/conversations/values.txt
