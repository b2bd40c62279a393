/*
 * cli.h - what every command's main is made of: options, beginning, end,
 * confirmation.  The only part of lib that prints, and only because main
 * calls it.
 *
 *	ir_begin -> ir_parse -> open -> give up rights -> confirm -> act ->
 *	report -> out: clean up -> return ir_end(&err)
 */
#ifndef IR_CLI_H
#define IR_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "output.h"

struct ir_cmd {
	const char *name;	/* "ses-pause" */
	const char *summary;	/* one line, as in the man page's NAME */
	const char *synopsis;	/* "[options] [ip ...]" */
};

enum ir_opt_kind {
	IR_OPT_END_KIND,
	IR_BOOL,		/* bool *: given or not */
	IR_COUNT,		/* int *: how often it was given */
	IR_STR,			/* const char **: must not be empty */
	IR_INT,			/* long *: a whole number >= 0 */
	IR_SECONDS,		/* long *: 90, 90s, 15m, 24h, 14d */
	IR_LIST,		/* struct ir_list *: may be given many times */
	IR_OPTVAL,		/* struct ir_optval *: --yes or --yes=N */
};

struct ir_list {
	const char *v[64];	/* borrowed from argv */
	size_t n;
};

struct ir_optval {
	bool given;
	const char *value;	/* NULL when given bare */
};

struct ir_opt {
	char letter;		/* 0: long name only */
	const char *name;
	const char *arg;	/* name of the value; NULL for IR_BOOL */
	enum ir_opt_kind kind;
	void *dest;
	const char *help;	/* NULL: hidden, for tests */
};

#define IR_OPT_END { 0, NULL, NULL, IR_OPT_END_KIND, NULL, NULL }

/* Options that every command has. */
struct ir_common {
	bool quiet;
	int verbose;		/* -v 1; -vv 2 or more */
	const char *output;	/* the word given; see format */
	long timeout;		/* seconds for the whole run; 0: not given */
	enum ir_format format;
};

#define IR_OPTS_COMMON(c) \
	{ 'o', "output", "FORMAT", IR_STR, &(c)->output, \
	    "json, table or tsv; default: a table on a terminal, else json" }, \
	{ 't', "timeout", "SECONDS", IR_SECONDS, &(c)->timeout, \
	    "limit for the whole run" }, \
	{ 'q', "quiet", NULL, IR_BOOL, &(c)->quiet, "less on stderr" }, \
	{ 'v', "verbose", NULL, IR_COUNT, &(c)->verbose, \
	    "more on stderr; twice: each request to AWS as it is signed" }

/* Options of commands that change something. */
struct ir_change {
	bool dry_run;
	struct ir_optval yes;
	const char *confirm;
	const char *incident;	/* incident directory, or NULL */
};

#define IR_OPTS_CHANGE(c) \
	{ 'n', "dry-run", NULL, IR_BOOL, &(c)->dry_run, \
	    "look, change nothing" }, \
	{ 'y', "yes", "COUNT", IR_OPTVAL, &(c)->yes, \
	    "do not ask; --yes=COUNT: only if that many are found" }, \
	{ 0, "confirm", "NAME", IR_STR, &(c)->confirm, \
	    "for what is severe: repeat the name that is asked for" }, \
	{ 0, "incident", "DIR", IR_STR, &(c)->incident, \
	    "journal to this incident directory" }

/* Options of AWS commands: the AWS CLI's words. */
struct ir_aws_opts {
	const char *region, *profile, *endpoint_url;
};

#define IR_OPTS_AWS(a) \
	{ 0, "region", "REGION", IR_STR, &(a)->region, "AWS region" }, \
	{ 0, "profile", "NAME", IR_STR, &(a)->profile, \
	    "profile of the AWS configuration files" }, \
	{ 0, "endpoint-url", "URL", IR_STR, &(a)->endpoint_url, \
	    "send AWS calls there; {service} and {region} are replaced" }

/* Options of commands that work on this host's Exim. */
struct ir_exim_opts {
	const char *exim;	/* program; default: exim4 or exim in PATH */
	const char *spool;	/* spool directory; default: ask exim */
};

#define IR_OPTS_EXIM(e) \
	{ 0, "exim", "PROGRAM", IR_STR, &(e)->exim, \
	    "Exim's program; default: exim4 or exim in PATH" }, \
	{ 0, "spool", "DIR", IR_STR, &(e)->spool, \
	    "spool directory; default: ask exim" }

/*
 * First thing in main: fills closed descriptors 0-2 (in the wrong direction,
 * so that a closed stdout stays an error), no core dumps, not dumpable,
 * SIGPIPE ignored.  cmd must live as long as the program.
 */
void ir_begin(const struct ir_cmd *cmd);

/*
 * Read the options; operands end up in argv[1] ... argv[count].  Handles
 * -h, -V and --dump-options, and exits with 64 on bad usage.  An option
 * with a value that is given twice is bad usage.
 */
int ir_parse(int argc, char **argv, const struct ir_opt *opts,
    struct ir_common *common);

/* What a command with verbs does: cred-vault's put, get, list ... */
struct ir_verb {
	const char *name;
	const char *options;	/* long names; "," around each */
	size_t min, max;	/* operands after the verb */
	const char *operands;	/* what they are: "a name" */
	int (*run)(void *arg, char **operands, size_t n);
};

/*
 * The same for those: the verb comes first, its operands end up in argv[2]
 * ... argv[*n + 1].  An option that some verbs name is for these only; what
 * no verb names goes with all.  The first `min` operands are not empty.
 */
const struct ir_verb *ir_parse_verb(int argc, char **argv,
    const struct ir_opt *opts, struct ir_common *common,
    const struct ir_verb *verbs, size_t nverbs, size_t *n);

/* Bad usage found later: message, exit 64.  For main only. */
_Noreturn void ir_die_usage(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * May the change go ahead?  fmt says what is about to be done, as a question
 * ("deactivate key AKIA... of ses-smtp?").  count is how many things it
 * changes; with more than one and no terminal, --yes=COUNT must name it.
 * 0, or -1: 64 no terminal and no --yes (or another count), 1 declined.
 * Do not call it for a dry run.
 */
int ir_confirm(const struct ir_change *c, size_t count, struct ir_err *err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * The severe ones: --confirm must equal name; on a terminal, without the
 * option, the person is asked to type it.  what describes the name
 * ("account id").  0, or -1: 64 or 1.
 */
int ir_confirm_name(const struct ir_change *c, const char *name,
    const char *what, struct ir_err *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Ask on /dev/tty without echo: for ir_aws's MFA code.  0 or -1. */
int ir_ask_tty(const char *prompt, char *buf, size_t size);

/* "prog: text" on stderr; note only with -v, warn not with -q. */
void ir_warn(const struct ir_common *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ir_note(const struct ir_common *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Draw how far it has come, over the line drawn before: only on a terminal,
 * not with -q or -v, and only a second after `since` (ir_mono_ms()).  total
 * 0: not known.  Call it as often as you like; it draws five times a second.
 */
void ir_progress(const struct ir_common *c, const char *what, size_t done,
    size_t total, int64_t since);
/* Take the line away; what prints here does so by itself. */
void ir_progress_end(void);

/*
 * From now on SIGINT, SIGTERM and SIGHUP are counted instead of killing, so
 * that what is under way ends cleanly; the third one kills.
 */
const volatile sig_atomic_t *ir_catch_stop(void);
/* How many there were: loops that wait ask this. */
int ir_stopped(void);

/*
 * Last thing in main: prints the error, if there is one, and returns the
 * exit code.  out may be NULL; it is closed here and stdout is checked.
 * The code is that of err if set, else of the tally (may be NULL).
 */
int ir_end(struct ir_err *err, struct ir_out *out,
    const struct ir_tally *tally);

/* Open the output in the form that the options ask for. */
struct ir_out *ir_open_output(const struct ir_common *c,
    const struct ir_col *cols);

/* Name of the running command, and the version of quell. */
const char *ir_prog(void);
const char *ir_version(void);

#endif
