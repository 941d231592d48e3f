# SPDX-License-Identifier: MIT
dist_man_MANS += %D%/ttrunks.conf.5
dist_man_MANS += %D%/ttrunksfs.8
dist_man_MANS += %D%/ttrunks.1
dist_man_MANS += %D%/ttrunks-datagen.1
dist_man_MANS += %D%/ttrunksd.8
dist_man_MANS += %D%/ttrunks-protocol.7
dist_man_MANS += %D%/ttrunks-fsck.8
