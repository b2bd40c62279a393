/* cli.c - see cli.h */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "text.h"
#include "version.h"

#define MAX_OPTS 64

static const struct ir_cmd *cmd;

const char *
ir_version(void)
{
	return QUELL_VERSION;
}

const char *
ir_prog(void)
{
	return cmd ? cmd->name : "quell";
}

static void
say(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static void
say(const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof line, fmt, ap);
	ir_text_printable(line);
	ir_progress_end();
	fprintf(stderr, "%s: %s\n", ir_prog(), line);
}

void
ir_warn(const struct ir_common *c, const char *fmt, ...)
{
	va_list ap;

	if (c && c->quiet)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
ir_note(const struct ir_common *c, const char *fmt, ...)
{
	va_list ap;

	if (!c || !c->verbose)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
ir_die_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: hint: usage: %s %s; see %s -h\n", ir_prog(),
	    ir_prog(), cmd->synopsis, ir_prog());
	exit(IR_USAGE);
}

void
ir_begin(const struct ir_cmd *c)
{
	struct rlimit none = { 0, 0 };
	int fd;

	cmd = c;
	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			_exit(IR_OSERR);
	setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(IR_SANITIZE)
	/* LeakSanitizer cannot look into a process that is not dumpable */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	signal(SIGPIPE, SIG_IGN);
}

static const struct ir_opt builtin[] = {
	{ 'h', "help", NULL, IR_BOOL, NULL, "print this and exit" },
	{ 'V', "version", NULL, IR_BOOL, NULL, "print the version and exit" },
	{ 0, "dump-options", NULL, IR_BOOL, NULL, NULL },
};

#define NBUILTIN (sizeof builtin / sizeof *builtin)

/* Flush stdout and leave: for -h, -V and --dump-options. */
static _Noreturn void
leave(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: %s\n", ir_prog(),
		    strerror(errno));
		exit(IR_IOERR);
	}
	exit(IR_OK);
}

static void
print_opt(const struct ir_opt *o)
{
	char left[80];
	const char *open = o->kind == IR_OPTVAL ? "[=" : "=";
	const char *shut = o->kind == IR_OPTVAL ? "]" : "";

	if (!o->help)
		return;
	if (o->letter)
		snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name);
	else
		snprintf(left, sizeof left, "      --%s", o->name);
	if (o->arg)
		snprintf(left + strlen(left), sizeof left - strlen(left),
		    "%s%s%s", open, o->arg, shut);
	printf("%-30s %s\n", left, o->help);
}

static void
help(const struct ir_opt *opts)
{
	size_t i;

	printf("usage: %s %s\n%s\n\n", cmd->name, cmd->synopsis, cmd->summary);
	for (; opts->name; opts++)
		print_opt(opts);
	for (i = 0; i < NBUILTIN; i++)
		print_opt(&builtin[i]);
	printf("\nSee %s(1), quell(7) and quell-records(5).\n", cmd->name);
}

static void
dump_options(const struct ir_opt *opts)
{
	size_t i;

	for (; opts->name; opts++)
		if (opts->help)
			printf("%c\t%s\t%s\n", opts->letter ? opts->letter :
			    '-', opts->name, opts->arg ? opts->arg : "");
	for (i = 0; i < 2; i++)
		printf("%c\t%s\t\n", builtin[i].letter, builtin[i].name);
}

static void
do_builtin(const struct ir_opt *o, const struct ir_opt *opts)
{
	if (o->letter == 'h')
		help(opts);
	else if (o->letter == 'V')
		printf("%s (quell) %s\n%s\n", cmd->name, QUELL_VERSION,
		    QUELL_BUILD);
	else
		dump_options(opts);
	leave();
}

static const struct ir_opt *
find(const struct ir_opt *opts, const char *name, size_t n, char letter)
{
	const struct ir_opt *o;
	size_t i;

	for (o = opts; o->name; o++)
		if (name ? strlen(o->name) == n && !strncmp(o->name, name, n) :
		    o->letter == letter)
			return o;
	for (i = 0; i < NBUILTIN; i++) {
		o = &builtin[i];
		if (name ? strlen(o->name) == n && !strncmp(o->name, name, n) :
		    o->letter == letter)
			return o;
	}
	return NULL;
}

static long
number(const struct ir_opt *o, const char *v)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(v, &end, 10);
	if (errno || end == v || n < 0 || *v == '-' || *v == '+' || *v == ' ')
		ir_die_usage("--%s: not a number: %s", o->name, v);
	if (o->kind == IR_SECONDS && *end && !end[1]) {
		long unit = *end == 's' ? 1 : *end == 'm' ? 60 :
		    *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;

		if (unit && n <= 100000000 / unit) {
			n *= unit;
			end++;
		}
	}
	if (*end)
		ir_die_usage("--%s: not a number: %s", o->name, v);
	return n;
}

static void
store(const struct ir_opt *o, const char *v, bool seen)
{
	struct ir_list *list;
	struct ir_optval *ov;

	if (o->arg && v && !*v)
		ir_die_usage("--%s: the value is empty", o->name);
	if (seen && o->arg && o->kind != IR_LIST)
		ir_die_usage("--%s: given twice", o->name);
	switch (o->kind) {
	case IR_BOOL:
		*(bool *)o->dest = true;
		break;
	case IR_COUNT:
		++*(int *)o->dest;
		break;
	case IR_STR:
		*(const char **)o->dest = v;
		break;
	case IR_INT:
	case IR_SECONDS:
		*(long *)o->dest = number(o, v);
		break;
	case IR_LIST:
		list = o->dest;
		if (list->n == sizeof list->v / sizeof *list->v)
			ir_die_usage("--%s: given too often", o->name);
		list->v[list->n++] = v;
		break;
	case IR_OPTVAL:
		ov = o->dest;
		ov->given = true;
		ov->value = v;
		break;
	case IR_OPT_END_KIND:
	default:
		break;
	}
}

/* One "--name[=value]"; returns how many more arguments it took. */
static int
long_option(char **argv, int i, int argc, const struct ir_opt *opts,
    bool *seen)
{
	const char *name = argv[i] + 2, *eq = strchr(name, '=');
	size_t n = eq ? (size_t)(eq - name) : strlen(name);
	const struct ir_opt *o = find(opts, name, n, 0);
	const char *v = eq ? eq + 1 : NULL;
	int took = 0;

	if (!o)
		ir_die_usage("unknown option --%.*s", (int)n, name);
	if (!o->arg && v)
		ir_die_usage("--%s takes no value", o->name);
	if (o >= builtin && o < builtin + NBUILTIN)
		do_builtin(o, opts);
	if (o->arg && !v && o->kind != IR_OPTVAL) {
		if (i + 1 >= argc)
			ir_die_usage("--%s needs a value", o->name);
		v = argv[i + 1];
		took = 1;
	}
	store(o, v, seen[o - opts]);
	seen[o - opts] = true;
	return took;
}

/* One "-abc" or "-oVALUE". */
static int
short_options(char **argv, int i, int argc, const struct ir_opt *opts,
    bool *seen)
{
	const char *p;
	const struct ir_opt *o;

	for (p = argv[i] + 1; *p; p++) {
		o = find(opts, NULL, 0, *p);
		if (!o)
			ir_die_usage("unknown option -%c", *p);
		if (o >= builtin && o < builtin + NBUILTIN)
			do_builtin(o, opts);
		if (!o->arg || o->kind == IR_OPTVAL) {
			store(o, NULL, seen[o - opts]);
			seen[o - opts] = true;
			continue;
		}
		if (!p[1] && i + 1 >= argc)
			ir_die_usage("-%c needs a value", *p);
		store(o, p[1] ? p + 1 : argv[i + 1], seen[o - opts]);
		seen[o - opts] = true;
		return p[1] ? 0 : 1;
	}
	return 0;
}

static int
parse(int argc, char **argv, const struct ir_opt *opts,
    struct ir_common *common, bool *seen)
{
	int i, out = 1;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			for (i++; i < argc; i++)
				argv[out++] = argv[i];
			break;
		}
		if (argv[i][0] == '-' && argv[i][1] == '-')
			i += long_option(argv, i, argc, opts, seen);
		else if (argv[i][0] == '-' && argv[i][1])
			i += short_options(argv, i, argc, opts, seen);
		else
			argv[out++] = argv[i];
	}
	argv[out] = NULL;
	if (common->output && ir_format_parse(common->output, &common->format))
		ir_die_usage("--output: not json, table or tsv: %s",
		    common->output);
	return out - 1;
}

int
ir_parse(int argc, char **argv, const struct ir_opt *opts,
    struct ir_common *common)
{
	bool seen[MAX_OPTS] = { false };

	return parse(argc, argv, opts, common, seen);
}

static bool
names_option(const struct ir_verb *v, const char *option)
{
	char word[64];

	snprintf(word, sizeof word, ",%s,", option);
	return strstr(v->options, word) != NULL;
}

static const struct ir_verb *
find_verb(const struct ir_verb *verbs, size_t nverbs, const char *name)
{
	size_t i;

	for (i = 0; i < nverbs; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	ir_die_usage("no such verb: %s", name);
}

const struct ir_verb *
ir_parse_verb(int argc, char **argv, const struct ir_opt *opts,
    struct ir_common *common, const struct ir_verb *verbs, size_t nverbs,
    size_t *n)
{
	bool seen[MAX_OPTS] = { false };
	int words = parse(argc, argv, opts, common, seen);
	const struct ir_verb *v;
	size_t i, k;

	if (words == 0 || !*argv[1])
		ir_die_usage("a verb is needed");
	v = find_verb(verbs, nverbs, argv[1]);
	for (i = 0; opts[i].name; i++)
		for (k = 0; seen[i] && k < nverbs; k++)
			if (names_option(&verbs[k], opts[i].name) &&
			    !names_option(v, opts[i].name))
				ir_die_usage("%s: takes no --%s", v->name,
				    opts[i].name);
	*n = (size_t)words - 1;
	if (*n < v->min || *n > v->max)
		ir_die_usage("%s takes %s", v->name,
		    v->max ? v->operands : "no operands");
	for (i = 0; i < v->min; i++)
		if (!*argv[i + 2])
			ir_die_usage("%s: an operand is empty", v->name);
	return v;
}

struct ir_out *
ir_open_output(const struct ir_common *c, const struct ir_col *cols)
{
	return ir_out_open(c->format, cols, ir_prog());
}

/* --- progress, and stopping -------------------------------------------- */

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200

static int64_t drawn;		/* when the line was drawn; 0: there is none */

void
ir_progress_end(void)
{
	if (drawn)
		fputs("\r\033[K", stderr);
	drawn = 0;
}

void
ir_progress(const struct ir_common *c, const char *what, size_t done,
    size_t total, int64_t since)
{
	int64_t now = ir_mono_ms(), ms = now - since;
	double rate = (double)done * 1000 / (double)(ms > 0 ? ms : 1);

	if (c->quiet || c->verbose || ms < PROGRESS_AFTER_MS ||
	    now - drawn < PROGRESS_EVERY_MS || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s: %s: %zu", ir_prog(), what, done);
	if (total)
		fprintf(stderr, " of %zu", total);
	fprintf(stderr, ", %.1f/s", rate);
	if (total > done && done)
		fprintf(stderr, ", %.0f s left", (double)(total - done) / rate);
	fputs("\033[K", stderr);
	drawn = now;
}

static volatile sig_atomic_t stops;

static void
on_stop(int sig)
{
	if (++stops > 2) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

const volatile sig_atomic_t *
ir_catch_stop(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_stop }, old;
	size_t i;

	/* no SA_RESTART: whoever waits is to look up */
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < sizeof signals / sizeof *signals; i++)
		/* nohup's choice stays */
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	return &stops;
}

int
ir_stopped(void)
{
	return stops;
}

/* --- asking ------------------------------------------------------------- */

static bool
at_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return false;
	close(fd);
	/* a cron job or a pipe may still own a terminal: look at stderr */
	return isatty(STDERR_FILENO);
}

static int
ask(const char *prompt, char *buf, size_t size, bool echo)
{
	struct termios old, quiet;
	FILE *tty = fopen("/dev/tty", "r+e");
	bool silent = false;
	int rc = -1;

	if (!tty)
		return -1;
	setvbuf(tty, NULL, _IONBF, 0);
	/* before the prompt: who answers fast is not shown, and not lost */
	if (!echo && tcgetattr(fileno(tty), &old) == 0) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		silent = tcsetattr(fileno(tty), TCSAFLUSH, &quiet) == 0;
	}
	fprintf(tty, "%s", prompt);
	fflush(tty);	/* C wants that between writing and reading */
	if (fgets(buf, (int)size, tty)) {
		buf[strcspn(buf, "\r\n")] = '\0';
		rc = 0;
	}
	if (silent) {
		tcsetattr(fileno(tty), TCSAFLUSH, &old);
		fprintf(tty, "\n");
	}
	fclose(tty);
	return rc;
}

int
ir_ask_tty(const char *prompt, char *buf, size_t size)
{
	return ask(prompt, buf, size, false);
}

int
ir_confirm(const struct ir_change *c, size_t count, struct ir_err *err,
    const char *fmt, ...)
{
	char what[512], prompt[600], answer[16], number[24];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	ir_text_printable(what);
	snprintf(number, sizeof number, "%zu", count);
	if (c->yes.given && c->yes.value) {
		if (strcmp(c->yes.value, number) == 0)
			return 0;
		ir_fail(err, IR_USAGE, "found %s, not %s: nothing changed",
		    number, c->yes.value);
		ir_hint(err, "look again with -n, then use --yes=%s", number);
		return -1;
	}
	if (at_terminal() && !c->yes.given) {
		snprintf(prompt, sizeof prompt, "%s: %s [y/N] ", ir_prog(),
		    what);
		if (ask(prompt, answer, sizeof answer, true) == 0 &&
		    (ir_ascii_ieq(answer, "y") || ir_ascii_ieq(answer, "yes")))
			return 0;
		return ir_fail(err, IR_NO, "declined: nothing changed");
	}
	if (c->yes.given && (count <= 1 || at_terminal()))
		return 0;
	if (c->yes.given) {
		ir_fail(err, IR_USAGE,
		    "%s things would change and there is no terminal: "
		    "nothing changed", number);
		ir_hint(err, "look with -n, then use --yes=%s", number);
		return -1;
	}
	ir_fail(err, IR_USAGE, "no terminal to ask on: nothing changed");
	ir_hint(err, "look with -n, then use -y");
	return -1;
}

int
ir_confirm_name(const struct ir_change *c, const char *name,
    const char *what, struct ir_err *err, const char *fmt, ...)
{
	char text[512], prompt[800], answer[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ir_text_printable(text);
	if (c->confirm) {
		if (strcmp(c->confirm, name) == 0)
			return 0;
		return ir_fail(err, IR_USAGE,
		    "--confirm=%s is not the %s: nothing changed", c->confirm,
		    what);
	}
	if (at_terminal()) {
		snprintf(prompt, sizeof prompt,
		    "%s: %s\n%s: type the %s to go on: ", ir_prog(), text,
		    ir_prog(), what);
		if (ask(prompt, answer, sizeof answer, true) == 0 &&
		    strcmp(answer, name) == 0)
			return 0;
		return ir_fail(err, IR_NO, "declined: nothing changed");
	}
	ir_fail(err, IR_USAGE, "%s: nothing changed", text);
	ir_hint(err, "this needs --confirm with the %s", what);
	return -1;
}

int
ir_end(struct ir_err *err, struct ir_out *out, const struct ir_tally *tally)
{
	struct ir_err late = IR_ERR_INIT;
	int code;

	if (out && ir_out_close(out, &late) && !err->code)
		*err = late;
	if ((fflush(stdout) || ferror(stdout)) && !err->code)
		ir_fail_errno(err, IR_IOERR, errno, "standard output");
	code = err->code;
	ir_progress_end();
	if (code) {
		fprintf(stderr, "%s: %s\n", ir_prog(), err->msg);
		if (err->hint[0])
			fprintf(stderr, "%s: hint: %s\n", ir_prog(),
			    err->hint);
	}
	if (!code && tally)
		code = ir_tally_code(tally);
	return code;
}
