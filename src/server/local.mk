# SPDX-License-Identifier: MIT
libserver_la_SOURCES += \
	%D%/base64.c %D%/base64.h \
	%D%/cmd_admin.c \
	%D%/cmd_kv.c \
	%D%/cmd_scan.c \
	%D%/commands.def \
	%D%/conn.c %D%/conn.h \
	%D%/conn_job.c \
	%D%/conn_out.c \
	%D%/json_in.c %D%/json_in.h \
	%D%/json_out.c %D%/json_out.h \
	%D%/listen_addr.c %D%/listen_addr.h \
	%D%/options.def \
	%D%/reply.c %D%/reply.h \
	%D%/request.c %D%/request.h \
	%D%/server.c %D%/server.h %D%/server_impl.h \
	%D%/service.c %D%/service.h \
	%D%/session.c %D%/session.h \
	%D%/syncer.c %D%/syncer.h \
	%D%/utf8.c %D%/utf8.h
EXTRA_DIST += %D%/README.md
