# SPDX-License-Identifier: MIT
# The FUSE face: translation between libfuse and the tree.
EXTRA_DIST += %D%/README.md
ttrunksfs_SOURCES += \
	%D%/background.c \
	%D%/background.h \
	%D%/ll.h \
	%D%/ll_attr.c \
	%D%/ll_dir.c \
	%D%/ll_file.c \
	%D%/ll_init.c \
	%D%/ll_name.c \
	%D%/ll_notify.c \
	%D%/ll_notify.h \
	%D%/ll_ops.c \
	%D%/ll_raw.c \
	%D%/ll_raw.h \
	%D%/ll_reply.c \
	%D%/ll_reply.h \
	%D%/ll_statx.c \
	%D%/ll_statx.h \
	%D%/ll_xattr.c \
	%D%/mount_options.def \
	%D%/mount_point.c \
	%D%/mount_point.h \
	%D%/requests.def \
	%D%/settings.c \
	%D%/settings.h \
	%D%/ttrunksfs_main.c \
	%D%/uring.c \
	%D%/uring.h \
	%D%/watch.c \
	%D%/watch.h
