/* cred_process.c - a profile's credential_process; see chain.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/proc.h"
#include "../core/text.h"
#include "chain.h"

#define WORDS_MAX 64
#define OUTPUT_MAX 65536
#define TIMEOUT_MS 60000

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word from *s to *to; both go on behind it.  -1: a quote is open. */
static int
take_word(const char **s, char **to)
{
	const char *p = *s;
	char quote = '\0', *out = *to;

	for (; *p && (quote || !is_blank(*p)); p++) {
		if (quote == '\'' && *p != '\'') {
			*out++ = *p;
		} else if (*p == '\\' && (!quote || p[1] == '"' ||
		    p[1] == '\\')) {
			if (!*++p)
				return -1;
			*out++ = *p;
		} else if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? '\0' : *p;
		} else {
			*out++ = *p;
		}
	}
	if (quote)
		return -1;
	*s = p + (*p != '\0');
	*out++ = '\0';
	*to = out;
	return 0;
}

int
ir_shell_split(char *line, char **words, size_t max)
{
	const char *s = line;
	char *to = line;
	size_t n = 0;

	for (;;) {
		while (is_blank(*s))
			s++;
		if (!*s)
			break;
		if (n + 1 >= max)
			return -1;
		words[n++] = to;
		/* out of the word comes no more than went in */
		if (take_word(&s, &to))
			return -1;
	}
	words[n] = NULL;
	return (int)n;
}

static int
run(char **words, struct ir_aws_cred *cred, struct ir_err *err)
{
	const char *argv[WORDS_MAX + 1];
	struct ir_proc p = { .argv = argv, .whole_env = true,
	    .timeout_ms = TIMEOUT_MS, .inherit_stderr = true };
	struct ir_proc_result r = IR_PROC_RESULT(OUTPUT_MAX);
	size_t i;
	int rc;

	for (i = 0; words[i]; i++)
		argv[i] = words[i];
	argv[i] = NULL;
	r.out.wipe = true;
	rc = ir_proc_run(&p, &r, err);
	if (rc && err->code == IR_NOINPUT)
		err->code = IR_CONFIG;
	else if (rc && err->code == IR_DATAERR)
		err->code = IR_PROTOCOL;
	if (rc == 0 && r.status)
		rc = ir_fail(err, IR_NOPERM, "%s: exit %d", words[0],
		    r.status);
	if (rc == 0)
		rc = r.out.data ? ir_cred_parse(cred, IR_CRED_PROCESS,
		    r.out.data, r.out.len, err) :
		    ir_fail(err, IR_PROTOCOL, "%s: wrote nothing", words[0]);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

int
ir_cred_process(const struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, struct ir_err *err)
{
	const char *command = ir_aws_config_get(ch->o.config, IR_AWS_PROFILE,
	    profile, "credential_process");
	char *line, *words[WORDS_MAX + 1];
	int n, rc;

	if (!command)
		return 0;
	line = strdup(command);
	if (!line)
		return ir_fail(err, IR_OSERR, "no memory");
	n = ir_shell_split(line, words, WORDS_MAX + 1);
	if (n <= 0)
		rc = ir_fail(err, IR_CONFIG, n ? "open quote" :
		    "no program");
	else
		rc = run(words, cred, err);
	free(line);
	if (rc)
		ir_fail_prefix(err, "profile %s: credential_process", profile);
	if (rc == 0 && cred->expires && cred->expires <= ir_now())
		rc = ir_fail(err, IR_NOPERM, "profile %s: credential_process: "
		    "gave credentials that have expired", profile);
	snprintf(cred->source, sizeof cred->source,
	    "profile %s: credential_process", profile);
	return rc ? -1 : 1;
}
