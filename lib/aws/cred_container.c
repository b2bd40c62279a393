/* cred_container.c - credentials of ECS, EKS and kin; see chain.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "chain.h"

#define ECS "http://169.254.170.2"
#define TIMEOUT_MS 2000
#define ATTEMPTS 3
#define PAUSE_S 1
#define TOKEN_MAX 16384

/* 127.anything, in four numbers */
static bool
is_loopback(const char *host, size_t n)
{
	size_t i, dots = 0;

	for (i = 0; i < n; i++) {
		if (host[i] == '.')
			dots++;
		else if (host[i] < '0' || host[i] > '9')
			return false;
	}
	return dots == 3 && n > 4 && memcmp(host, "127.", 4) == 0;
}

bool
ir_container_url_ok(const char *url)
{
	static const char *const hosts[] = { "169.254.170.2",
	    "169.254.170.23", "[fd00:ec2::23]", "[::1]", "localhost" };
	const char *host;
	size_t n, i;

	if (strpbrk(url, " \t\r\n\\"))
		return false;
	if (strncmp(url, "https://", 8) == 0)
		return true;
	if (strncmp(url, "http://", 7) != 0)
		return false;
	host = url + 7;
	n = strcspn(host, "/?#");
	if (memchr(host, '@', n))
		return false;
	n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	if (n > strlen(host))
		return false;
	for (i = 0; i < sizeof hosts / sizeof *hosts; i++)
		if (strlen(hosts[i]) == n &&
		    strncasecmp(host, hosts[i], n) == 0)
			return true;
	return is_loopback(host, n);
}

static int
find_url(char *url, size_t size, struct ir_err *err)
{
	const char *relative, *full;

	relative = ir_chain_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	full = ir_chain_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	if (!relative && !full)
		return 0;
	if (relative && *relative != '/')
		return ir_fail(err, IR_CONFIG,
		    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: no path: %s",
		    relative);
	if ((size_t)snprintf(url, size, "%s%s", relative ? ECS : "",
	    relative ? relative : full) >= size)
		return ir_fail(err, IR_CONFIG,
		    "AWS_CONTAINER_CREDENTIALS_*_URI: too long");
	if (ir_container_url_ok(url))
		return 1;
	ir_fail(err, IR_CONFIG,
	    "AWS_CONTAINER_CREDENTIALS_FULL_URI: not allowed: %s", url);
	ir_hint(err, "https, or http to this machine, 169.254.170.2, "
	    "169.254.170.23 or [fd00:ec2::23]");
	return -1;
}

/* The value of Authorization: the file's is read anew, for it changes. */
static int
read_token(struct ir_buf *b, struct ir_err *err)
{
	const char *file, *value;

	file = ir_chain_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	value = ir_chain_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (file) {
		if (ir_buf_read_file(b, file, err))
			return -1;
		if (b->len == 0)
			return ir_fail(err, IR_CONFIG, "%s: empty", file);
	} else if (value) {
		ir_buf_str(b, value);
	}
	if (b->len && (strpbrk(ir_buf_cstr(b), "\r\n") ||
	    strlen(b->data) != b->len))
		return ir_fail(err, IR_CONFIG, "%s: a line break in the token",
		    file ? file : "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	return ir_buf_check(b, "AWS_CONTAINER_AUTHORIZATION_TOKEN", err);
}

static int
ask(struct ir_http *http, const char *url, const struct ir_http_header *h,
    size_t nh, struct ir_aws_cred *cred, struct ir_err *err)
{
	struct ir_http_req r = { .method = "GET", .url = url, .headers = h,
	    .nheaders = nh, .max = 65536, .secret = true };
	int rc;

	ir_http_run(http, &r, 1, 1);
	if (r.err.code) {
		*err = r.err;
		ir_fail_prefix(err, "container credentials");
		rc = -1;
	} else if (r.status != 200) {
		rc = ir_fail(err, r.status >= 500 || r.status == 429 ?
		    IR_TEMPFAIL : IR_NOPERM,
		    "container credentials: status %d", r.status);
	} else if (!r.reply.data) {
		rc = ir_fail(err, IR_PROTOCOL,
		    "container credentials: empty answer");
	} else {
		rc = ir_cred_parse(cred, IR_CRED_METADATA, r.reply.data,
		    r.reply.len, err);
		if (rc)
			ir_fail_prefix(err, "container credentials");
	}
	ir_buf_free(&r.reply);
	return rc;
}

int
ir_cred_container(const struct ir_chain *ch, struct ir_aws_cred *cred,
    struct ir_err *err)
{
	struct ir_http_opts o = { .connect_ms = TIMEOUT_MS,
	    .total_ms = TIMEOUT_MS, .parallel = 1, .no_proxy = true };
	struct ir_http_header h[2] = { { "Accept", "application/json" },
	    { "Authorization", NULL } };
	struct ir_buf token = IR_BUF_SECRET(TOKEN_MAX);
	struct timespec pause = { PAUSE_S, 0 };
	struct ir_http *http = NULL;
	char url[2048];
	int rc, i;

	rc = find_url(url, sizeof url, err);
	if (rc <= 0)
		return rc;
	o.ca_file = ir_chain_setting(ch, "AWS_CA_BUNDLE", "ca_bundle");
	rc = read_token(&token, err);
	if (rc == 0)
		rc = ir_http_open(&http, &o, err);
	h[1].value = ir_buf_cstr(&token);
	for (i = 0; rc == 0; i++) {
		rc = ask(http, url, h, token.len ? 2 : 1, cred, err);
		if (rc == 0 || err->code != IR_TEMPFAIL || i == ATTEMPTS - 1)
			break;
		rc = 0;
		nanosleep(&pause, NULL);
	}
	snprintf(cred->source, sizeof cred->source, "container");
	ir_buf_free(&token);
	ir_http_close(http);
	return rc ? -1 : 1;
}
