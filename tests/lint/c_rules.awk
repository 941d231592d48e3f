# SPDX-License-Identifier: MIT
#
# The rules of CONTRIBUTING.md that one can check a line at a time. Run from
# the top of the sources over files named relative to it; prints
#
#     RULE FILE:LINE: what is wrong
#
# for each finding and `warn-...` rules for what is only suspicious. Rules:
#
#   include   who may include what: the table of layers
#   banned    functions that this project does without
#   length    of a file, at most 900 lines (a warning from 600)
#   function  at most 100 lines, unless it says /* flat switch */
#
# Relies on clang-format's layout: a function's body opens and closes with a
# brace in the first column. Plain POSIX awk, as mawk has it.

function report(rule, line, text)
{
	printf "%s %s:%d: %s\n", rule, FILENAME_NOW, line, text
}

# The layer of a file: its folder, with what embeds the library (tests/api and
# the examples) and the other tests apart, and files directly under src as
# "public".
function layer_of(path)
{
	if (path ~ /^(tests\/api|data\/examples)\//)
		return "api"
	# The harness of a benchmark is a folder of its own.
	if (path ~ /^bench\//)
		return "bench"
	if (path ~ /^(tests|data)\//)
		return "any"
	if (path ~ /^fs\//)
		return "fs"
	if (path ~ /^src\/[^\/]*$/)
		return "public"
	sub(/^src\//, "", path)
	sub(/\/.*/, "", path)
	return path
}

function basename(path)
{
	sub(/.*\//, "", path)
	return path
}

# Whether a file of this layer may include a project header.
function may_include(layer, file, header)
{
	if (layer == "bench")
		return header !~ /\.\./
	if (layer == "any")
		return header ~ /\// || header ~ /^tt(runks|_errors|_slice)\.h$/
	if (layer == "api")
		return header == "ttrunks.h" || header == "api/api.h" || \
			header == "support/check_main.h"
	if (header == "tt_errors.h" || header == "tt_slice.h")
		return 1
	if (layer == "public")
		return 0
	if (header ~ /^base\//)
		return 1
	if (layer == "base")
		return 0
	if (header ~ /\// && index(header, layer "/") == 1)
		return 1
	if (layer == "fs") {
		if (header == "tree/tree.h" || header == "ttrunks.h")
			return 1
		return header ~ /^server\/(server\.h|options\.def)$/ && \
			file ~ /^(settings|ttrunksfs_main)\./
	}
	if (header == "ttrunks.h")
		return 1
	if (layer == "lsm" || layer == "tree")
		return 0
	if (header == "tree/tree.h")
		return 1
	if (layer == "server")
		return 0
	if (layer == "tools") {
		# Both ends of the port speak through the same codec.
		if (header ~ /^server\/(json_in|json_out|base64|utf8)\.h$/)
			return 1
		if (file == "ttrunksd_main.c")
			return header ~ /^(server\/(server\.h|options\.def)|fs\/mount_options\.def)$/
		if (file ~ /^(fsck|dump)_/) {
			if (header == "lsm/repair.h" || header == "tree/tree_check.h")
				return 1
			return header ~ /^lsm\/[a-z_]+_(format|reader)\.h$/
		}
	}
	return 0
}

# Tests and benchmarks may look at everything.
function is_free(layer)
{
	return layer == "any" || layer == "bench"
}

# Whether this layer may include a header of another library.
function may_include_system(layer, header)
{
	if (header ~ /^(fuse|linux\/fuse)/)
		return layer == "fs" || is_free(layer)
	if (header ~ /^(uv\.h|uv\/)/)
		return layer == "server" || layer == "tools" || is_free(layer)
	if (header ~ /^(cjson\/|cJSON)/)
		return layer == "server" || layer == "tools" || is_free(layer)
	if (header ~ /^(histedit|editline\/)/)
		return layer == "tools"
	if (header ~ /^(lz4|zstd|snappy|xxhash)/)
		return layer == "base" || is_free(layer)
	if (header ~ /^check\.h/)
		return is_free(layer) || layer == "api"
	return 1
}

function check_include(line, raw,    header, layer)
{
	layer = layer_of(FILENAME_NOW)
	header = raw
	if (raw ~ /^[ \t]*#[ \t]*include[ \t]*</) {
		sub(/^[^<]*</, "", header)
		sub(/>.*/, "", header)
		if (!may_include_system(layer, header))
			report("include", line, "<" header "> does not belong in " layer)
	} else if (raw ~ /^[ \t]*#[ \t]*include[ \t]*"/) {
		sub(/^[^"]*"/, "", header)
		sub(/".*/, "", header)
		if (header ~ /\.\./)
			report("include", line, "\"" header "\": include by layer path")
		else if (!may_include(layer, basename(FILENAME_NOW), header))
			report("include", line, "\"" header "\" does not belong in " layer)
	}
}

# The line without comments and without what stands between quotes.
function strip(text,    out, c, two, i, n)
{
	out = ""
	n = length(text)
	for (i = 1; i <= n; i++) {
		two = substr(text, i, 2)
		c = substr(text, i, 1)
		if (in_comment) {
			if (two == "*/") {
				in_comment = 0
				i++
			}
		} else if (in_quote != "") {
			if (c == "\\")
				i++
			else if (c == in_quote)
				in_quote = ""
		} else if (two == "/*") {
			in_comment = 1
			i++
		} else if (two == "//") {
			break
		} else if (c == "\"" || c == "'") {
			in_quote = c
		} else {
			out = out c
		}
	}
	# No string of C runs on into the next line.
	in_quote = ""
	return out
}

function calls(text, name)
{
	return text ~ ("(^|[^A-Za-z0-9_.>])" name "[ \t]*\\(")
}

function check_banned(line, text,    i)
{
	for (i = 1; i <= n_banned; i++) {
		if (calls(text, banned[i]))
			report("banned", line, banned[i] "()")
	}
	if (calls(text, "time") && FILENAME_NOW !~ /^src\/base\/env/)
		report("banned", line, "time() outside env")
}

function end_file()
{
	if (FILENAME_NOW == "")
		return
	if (n_lines > 900)
		report("length", n_lines, n_lines " lines; look for the second idea")
	else if (n_lines > 600)
		report("warn-length", n_lines, n_lines " lines")
}

BEGIN {
	n_banned = split("strcpy strcat sprintf strncpy atoi strtok alloca", banned, " ")
	FILENAME_NOW = ""
}

FNR == 1 {
	end_file()
	FILENAME_NOW = FILENAME
	in_comment = 0
	in_quote = ""
	body_start = 0
}

{
	n_lines = FNR
	code = $0
	# Most lines have nothing to strip; spare them the slow loop.
	if (in_comment || code ~ /["'\/]/) {
		if (!in_comment && code ~ /^[ \t]*#[ \t]*include/)
			check_include(FNR, code)
		code = strip(code)
	} else if (code ~ /^[ \t]*#[ \t]*include/) {
		check_include(FNR, code)
	}
	if (code ~ /\(/)
		check_banned(FNR, code)

	if ($0 ~ /^\{/) {
		body_start = FNR
		is_flat = 0
	} else if (body_start && $0 ~ /\/\* flat switch \*\//) {
		is_flat = 1
	} else if (body_start && $0 ~ /^\}/) {
		if (FNR - body_start - 1 > 100 && !is_flat)
			report("function", body_start, \
				(FNR - body_start - 1) " lines; split it")
		body_start = 0
	}
}

END {
	end_file()
}
