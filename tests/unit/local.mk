# SPDX-License-Identifier: MIT

# base
test_programs += \
	%D%/test_arena \
	%D%/test_buf \
	%D%/test_checksum \
	%D%/test_compress \
	%D%/test_containers \
	%D%/test_counter \
	%D%/test_direct \
	%D%/test_env \
	%D%/test_err \
	%D%/test_fault_env \
	%D%/test_hist \
	%D%/test_log \
	%D%/test_mutex \
	%D%/test_opt \
	%D%/test_pages \
	%D%/test_thread_pool \
	%D%/test_token \
	%D%/test_when \
	%D%/test_wire

# lsm: the write side and the cursors
test_programs += \
	%D%/test_background \
	%D%/test_batch \
	%D%/test_iter \
	%D%/test_memindex \
	%D%/test_memtable \
	%D%/test_range_set \
	%D%/test_merge \
	%D%/test_record \
	%D%/test_residency \
	%D%/test_run_iter \
	%D%/test_shared_values \
	%D%/test_value_ahead \
	%D%/test_value_faults \
	%D%/test_value_log \
	%D%/test_values \
	%D%/test_wal \
	%D%/test_wal_hold \
	%D%/test_wal_sync \
	%D%/test_write

# lsm: tables and their caches
test_programs += \
	%D%/test_block \
	%D%/test_block_cache \
	%D%/test_block_mem \
	%D%/test_bloom \
	%D%/test_sst \
	%D%/test_table_cache

# lsm: compaction
test_programs += \
	%D%/test_compact_pick \
	%D%/test_compact_ranges \
	%D%/test_compact_run

# lsm: copies
test_programs += \
	%D%/test_backup \
	%D%/test_backup_list \
	%D%/test_checkpoint

# lsm: the database
test_programs += \
	%D%/test_db \
	%D%/test_db_faults \
	%D%/test_db_iter \
	%D%/test_estimate \
	%D%/test_delete_range \
	%D%/test_flush \
	%D%/test_gaps \
	%D%/test_health \
	%D%/test_memory \
	%D%/test_multi_get \
	%D%/test_open_cost \
	%D%/test_manifest \
	%D%/test_old_versions \
	%D%/test_options_file \
	%D%/test_rest \
	%D%/test_snapshot \
	%D%/test_verified \
	%D%/test_version \
	%D%/test_version_set

# tree
test_programs += \
	%D%/test_inode_rec
