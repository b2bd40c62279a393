/*
 * sign_tool.c - signs what it reads, for tests/sigv4/compare.py.
 *
 * Not a unit test of its own: with an empty standard input it does nothing.
 * Input is lines "NAME HEX" (a header: "header HEX HEX"), an empty line ends
 * a request.  Output is one line for each: date, hex of the canonical
 * request, Authorization, with tabs between; or "error" and a message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"

#define LINE (1 << 18)

enum { METHOD, PATH, QUERY, BODY, KEY, SECRET, TOKEN, REGION, SERVICE, WHEN,
	ANY, FIELDS };

static const char *const names[FIELDS] = { "method", "path", "query", "body",
	"key", "secret", "token", "region", "service", "when", "any" };

struct input {
	char *field[FIELDS];
	struct ir_http_header header[IR_SIGV4_HEADERS];
	char *owned[2 * IR_SIGV4_HEADERS];
	size_t nheaders;
};

/* The next hex word of the line, decoded. */
static char *
word(char **p)
{
	char *out = calloc(1, strlen(*p) / 2 + 1), two[3] = "";
	size_t n = 0;

	if (!out)
		abort();
	*p += strspn(*p, " ");
	while (**p && **p != ' ' && **p != '\n') {
		two[0] = (*p)[0];
		two[1] = (*p)[1];
		out[n++] = (char)strtoul(two, NULL, 16);
		*p += 2;
	}
	return out;
}

static void
take(struct input *in, char *line)
{
	char *p = line + strcspn(line, " \n");
	size_t i;

	if (strncmp(line, "header ", 7) == 0) {
		if (in->nheaders == IR_SIGV4_HEADERS)
			abort();
		in->owned[2 * in->nheaders] = word(&p);
		in->owned[2 * in->nheaders + 1] = word(&p);
		in->header[in->nheaders].name = in->owned[2 * in->nheaders];
		in->header[in->nheaders].value =
		    in->owned[2 * in->nheaders + 1];
		in->nheaders++;
		return;
	}
	for (i = 0; i < FIELDS; i++)
		if (strlen(names[i]) == (size_t)(p - line) &&
		    strncmp(line, names[i], strlen(names[i])) == 0)
			in->field[i] = word(&p);
}

static const char *
get(const struct input *in, int i)
{
	return in->field[i] ? in->field[i] : "";
}

static void
sign(const struct input *in)
{
	struct ir_secret secret = IR_SECRET_INIT, token = IR_SECRET_INIT;
	struct ir_sigv4_req r = {
		.method = get(in, METHOD), .path = get(in, PATH),
		.query = get(in, QUERY), .headers = in->header,
		.nheaders = in->nheaders, .any_header = in->field[ANY] != NULL,
		.body = get(in, BODY), .body_len = strlen(get(in, BODY)),
		.key_id = get(in, KEY), .secret = &secret, .token = &token,
		.region = get(in, REGION), .service = get(in, SERVICE),
		.when = strtoll(get(in, WHEN), NULL, 10)
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_sigv4 out;
	size_t i;

	ir_secret_set(&secret, get(in, SECRET), strlen(get(in, SECRET)), &err);
	ir_secret_set(&token, get(in, TOKEN), strlen(get(in, TOKEN)), &err);
	if (ir_sigv4_sign(&r, &out, &err)) {
		printf("error\t%s\n", err.msg);
	} else {
		printf("%s\t", out.date);
		for (i = 0; i < out.canonical.len; i++)
			printf("%02x", (unsigned char)out.canonical.data[i]);
		printf("\t%s\n", ir_buf_cstr(&out.authorization));
	}
	ir_sigv4_free(&out);
	ir_secret_free(&secret);
	ir_secret_free(&token);
}

static void
clear(struct input *in)
{
	size_t i;

	for (i = 0; i < FIELDS; i++)
		free(in->field[i]);
	for (i = 0; i < 2 * in->nheaders; i++)
		free(in->owned[i]);
	memset(in, 0, sizeof *in);
}

int
main(void)
{
	struct input in = { { NULL }, { { NULL, NULL } }, { NULL }, 0 };
	char *line = malloc(LINE);

	if (!line)
		abort();
	while (fgets(line, LINE, stdin)) {
		if (*line != '\n') {
			take(&in, line);
			continue;
		}
		sign(&in);
		clear(&in);
	}
	clear(&in);
	free(line);
	return fflush(stdout) ? 1 : 0;
}
