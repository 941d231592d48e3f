# SPDX-License-Identifier: MIT
dist_man_MANS += %D%/ttrunks.conf.5
dist_man_MANS += %D%/ttrunksfs.8
