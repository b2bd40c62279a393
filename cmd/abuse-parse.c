/*
 * abuse-parse - read an abuse notice and say what it says
 *
 * Reads a mail or an AWS Health event from standard input or a file; writes
 * one record of type "report".  Opens nothing else.
 */
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/cli.h"
#include "core/record.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "mail/charset.h"
#include "report/report.h"

/* More than the 32 MiB that are parsed: a larger mail is read in part. */
#define INPUT_MAX (64U << 20)

static const struct ir_cmd cmd = {
	"abuse-parse", "read an abuse notice and say what it says",
	"[options] [file]"
};

static const struct ir_col cols[] = {
	{ "id", "ID" }, { "stage", "STAGE" }, { "activity", "ACTIVITY" },
	{ "account", "ACCOUNT" }, { "region", "REGION" }, { "due", "DUE" },
	{ "urgent", "URGENT" }, { "channel", "CHANNEL" },
	{ "authentic", "AUTHENTIC" }, { NULL, NULL }
};

int
main(int argc, char **argv)
{
	struct ir_common common = { 0 };
	struct ir_report_opts opts = { 0, NULL };
	const char *now = NULL;
	const struct ir_opt table[] = {
		{ 0, "authserv-id", "HOST", IR_STR, &opts.authserv_id,
		    "believe Authentication-Results of this server only" },
		{ 0, "now", "TIME", IR_STR, &now,
		    "when the notice was first seen (RFC 3339)" },
		IR_OPTS_COMMON(&common),
		IR_OPT_END
	};
	struct ir_buf in = IR_BUF(INPUT_MAX);
	struct ir_charset_hold *held = NULL;
	struct ir_err err = IR_ERR_INIT;
	struct ir_out *out = NULL;
	struct ir_rec *rec;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, table, &common);
	if (n > 1)
		ir_die_usage("one file at a time");
	opts.now = ir_now();
	if (now && ir_time_parse(now, &opts.now))
		ir_die_usage("--now=%s: not an RFC 3339 time", now);
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no file, and standard input is a terminal");
	if (ir_buf_read_file(&in, n ? argv[1] : "-", &err))
		goto out;
	held = ir_charset_hold(ir_buf_cstr(&in), in.len);
	ir_sandbox_parse_only();
	out = ir_open_output(&common, cols);
	rec = ir_report_parse(ir_buf_cstr(&in), in.len, &opts, &err);
	if (rec)
		ir_out_put(out, rec);
	else if (n && strcmp(argv[1], "-") != 0)
		ir_fail_prefix(&err, "%s", argv[1]);
out:
	ir_charset_release(held);
	ir_buf_free(&in);
	return ir_end(&err, out, NULL);
}
