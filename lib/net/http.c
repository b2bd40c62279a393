/* http.c - see http.h */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "../core/secret.h"
#include "../core/text.h"
#include "../core/version.h"
#include "http.h"

#define MAX_REPLY (8u << 20)
#define MAX_HEADERS 32
#define TICK_MS 200
#define CA_FOLDER "/etc/ssl/certs"
#define AGENT "quell/" QUELL_VERSION

/* A request that is under way, and its libcurl handle. */
struct slot {
	CURL *easy;
	struct ir_http_req *req;	/* NULL: idle */
	struct curl_slist *headers;
	bool aged;			/* came out of a cache */
	char why[CURL_ERROR_SIZE];
};

struct ir_http {
	struct ir_http_opts o;
	char *ca_file;			/* owned; NULL: the system's */
	const char *ca_folder;		/* NULL: libcurl's own choice */
	CURLM *multi;			/* NULL until the first request */
	struct slot *slots;
	size_t nslots;
};

/* Is there a hashed certificate folder? */
static const char *
find_ca_folder(void)
{
	const char *found = NULL;
	struct dirent *d;
	size_t n;
	DIR *dir = opendir(CA_FOLDER);

	if (!dir)
		return NULL;
	while (!found && (d = readdir(dir))) {
		n = strlen(d->d_name);
		if (n == 10 && strcmp(d->d_name + n - 2, ".0") == 0)
			found = CA_FOLDER;
	}
	closedir(dir);
	return found;
}

int
ir_http_open(struct ir_http **h, const struct ir_http_opts *o,
    struct ir_err *err)
{
	const char *ca = o->ca_file ? o->ca_file : getenv("AWS_CA_BUNDLE");

	*h = calloc(1, sizeof **h);
	if (!*h)
		return ir_fail(err, IR_OSERR, "no memory");
	(*h)->o = *o;
	(*h)->o.ca_file = NULL;
	if (o->connect_ms == 0)
		(*h)->o.connect_ms = 5000;
	if (o->total_ms == 0)
		(*h)->o.total_ms = 60000;
	if (o->parallel == 0)
		(*h)->o.parallel = 16;
	if (ca && *ca) {
		(*h)->ca_file = strdup(ca);
		if (!(*h)->ca_file) {
			free(*h);
			*h = NULL;
			return ir_fail(err, IR_OSERR, "no memory");
		}
	}
	return 0;
}

void
ir_http_close(struct ir_http *h)
{
	if (!h)
		return;
	if (h->multi) {
		curl_multi_cleanup(h->multi);
		curl_global_cleanup();
	}
	free(h->slots);
	free(h->ca_file);
	free(h);
}

/* What libcurl gives back held requests and answers: wiped. */
static void
wiping_free(void *p)
{
	if (p)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

static void *
wiping_realloc(void *p, size_t n)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *q;

	if (p && old >= n && n)
		return p;
	q = malloc(n ? n : 1);
	if (q && p) {
		memcpy(q, p, old < n ? old : n);
		wiping_free(p);
	}
	return q;
}

static int
start_curl(void)
{
	return (int)curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc,
	    wiping_free, wiping_realloc, strdup, calloc);
}

static int
start(struct ir_http *h, struct ir_err *err)
{
	if (h->multi)
		return 0;
	h->slots = calloc(h->o.parallel, sizeof *h->slots);
	if (!h->slots)
		return ir_fail(err, IR_OSERR, "no memory");
	h->nslots = h->o.parallel;
	if (start_curl())
		return ir_fail(err, IR_OSERR, "libcurl does not start");
	h->multi = curl_multi_init();
	if (!h->multi) {
		curl_global_cleanup();
		return ir_fail(err, IR_OSERR, "libcurl does not start");
	}
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->nslots);
	if (!h->ca_file)
		h->ca_folder = find_ca_folder();
	return 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct ir_http_req *r = ((struct slot *)arg)->req;

	ir_buf_add(&r->reply, p, size * n);
	return r->reply.bad ? 0 : size * n;
}

/* Is the line this header?  Then its value, printable, cut to size. */
static bool
header_is(const char *line, size_t n, const char *name, char *value,
    size_t size)
{
	size_t k = strlen(name), len;

	if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0)
		return false;
	for (line += k + 1, n -= k + 1; n && (*line == ' ' || *line == '\t');)
		line++, n--;
	while (n && strchr(" \t\r\n", line[n - 1]))
		n--;
	len = n < size - 1 ? n : size - 1;
	memcpy(value, line, len);
	value[len] = '\0';
	ir_text_printable(value);
	return true;
}

static int64_t
delay(const char *v, int64_t unit_ms)
{
	char *end;
	long n = strtol(v, &end, 10);

	return end == v || *end || n < 0 || n > 3600000 ? 0 : n * unit_ms;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct slot *s = arg;
	struct ir_http_req *r = s->req;
	char v[128];
	size_t len = size * n;

	if (len > 5 && memcmp(p, "HTTP/", 5) == 0) {
		/* a new head: what a 100 Continue said does not count */
		r->date = r->retry_after_ms = 0;
		s->aged = false;
	} else if (header_is(p, len, "Date", v, sizeof v)) {
		r->date = curl_getdate(v, NULL);
		if (r->date < 0)
			r->date = 0;
	} else if (header_is(p, len, "Age", v, sizeof v)) {
		s->aged = true;
	} else if (header_is(p, len, "x-amzn-requestid", r->request_id,
	    sizeof r->request_id) || header_is(p, len, "x-amz-request-id",
	    r->request_id, sizeof r->request_id)) {
		return len;
	} else if (header_is(p, len, "x-amz-retry-after", v, sizeof v)) {
		r->retry_after_ms = delay(v, 1);
	} else if (header_is(p, len, "Retry-After", v, sizeof v)) {
		if (!r->retry_after_ms)
			r->retry_after_ms = delay(v, 1000);
	} else if (!header_is(p, len, "x-amzn-query-error", r->query_error,
	    sizeof r->query_error)) {
		header_is(p, len, "x-amzn-errortype", r->error_type,
		    sizeof r->error_type);
	}
	return len;
}

/* This machine: loopback, link-local, or a name that is one of these. */
static bool
near(const char *host, size_t n)
{
	static const char local[] = "localhost";
	const size_t k = sizeof local - 1;
	size_t i;

	if (n >= k && strncasecmp(host + n - k, local, k) == 0 &&
	    (n == k || host[n - k - 1] == '.'))
		return true;
	if (n == 5 && memcmp(host, "[::1]", 5) == 0)
		return true;
	if ((n == 15 && strncasecmp(host, "[fd00:ec2::254]", n) == 0) ||
	    (n == 14 && strncasecmp(host, "[fd00:ec2::23]", n) == 0))
		return true;
	for (i = 0; i < n; i++)
		if (host[i] != '.' && (host[i] < '0' || host[i] > '9'))
			return false;
	return (n > 4 && memcmp(host, "127.", 4) == 0) ||
	    (n > 8 && memcmp(host, "169.254.", 8) == 0);
}

/* 0 https, 1 http to this machine, -1 neither. */
static int
scheme_of(const char *url)
{
	const char *host;
	size_t n;

	if (strncmp(url, "https://", 8) == 0)
		return 0;
	if (strncmp(url, "http://", 7) != 0)
		return -1;
	host = url + 7;
	n = strcspn(host, "/?#");
	if (memchr(host, '@', n))
		return -1;
	if (*host == '[')
		n = strcspn(host, "]") + 1;
	else
		n = strcspn(host, ":/?#");
	return near(host, n) ? 1 : -1;
}

static int
set_headers(struct slot *s, struct ir_err *err)
{
	struct ir_http_req *r = s->req;
	struct curl_slist *next;
	struct ir_buf line = IR_BUF_SECRET(65536);
	size_t i;

	s->headers = NULL;
	for (i = 0; i <= r->nheaders; i++) {
		ir_buf_trunc(&line, 0);
		if (i == r->nheaders)
			ir_buf_str(&line, "Expect:");
		else
			ir_buf_fmt(&line, "%s: %s", r->headers[i].name,
			    r->headers[i].value);
		next = line.bad || strpbrk(line.data, "\r\n") ? NULL :
		    curl_slist_append(s->headers, line.data);
		if (!next) {
			ir_buf_free(&line);
			return ir_fail(err, IR_OSERR, "cannot set a header");
		}
		s->headers = next;
	}
	ir_buf_free(&line);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
	return 0;
}

static void
set_method(CURL *c, const struct ir_http_req *r)
{
	if (r->body_len || strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS,
		    r->body ? r->body : "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)r->body_len);
	} else {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

/* OpenSSL would keep what it has last decrypted. */
static CURLcode
on_ssl(CURL *c, void *ctx, void *arg)
{
	(void)c;
	(void)arg;
	SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

static void
set_tls(const struct ir_http *h, CURL *c)
{
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->ca_file) {
		curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	} else if (h->ca_folder) {
		curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(c, CURLOPT_CAPATH, h->ca_folder);
	}
}

static void
set_limits(const struct ir_http *h, CURL *c, const struct ir_http_req *r)
{
	long total = r->timeout_ms ? r->timeout_ms : h->o.total_ms;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
	    total < h->o.connect_ms ? total : h->o.connect_ms);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, total);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS,
	    (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static int
set_up(struct ir_http *h, struct slot *s, struct ir_err *err)
{
	struct ir_http_req *r = s->req;
	int plain = scheme_of(r->url);

	if (plain < 0) {
		ir_fail(err, IR_CONFIG, "%s: not https", r->url);
		ir_hint(err, "plain http only goes to this machine");
		return -1;
	}
	if (r->nheaders > MAX_HEADERS)
		return ir_fail(err, IR_SOFTWARE, "too many headers");
	s->easy = curl_easy_init();
	if (!s->easy)
		return ir_fail(err, IR_OSERR, "no memory");
	s->why[0] = '\0';
	s->aged = false;
	curl_easy_setopt(s->easy, CURLOPT_URL, r->url);
	curl_easy_setopt(s->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(s->easy, CURLOPT_USERAGENT, AGENT);
	curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->why);
	curl_easy_setopt(s->easy, CURLOPT_PRIVATE, (char *)s);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, s);
	if (plain || h->o.no_proxy)
		curl_easy_setopt(s->easy, CURLOPT_NOPROXY, "*");
	set_limits(h, s->easy, r);
	set_tls(h, s->easy);
	set_method(s->easy, r);
	return set_headers(s, err);
}

/* "https://host:port" of a URL, for messages. */
static int
origin_len(const char *url)
{
	const char *p = strstr(url, "://");

	return (int)(p ? (size_t)(p + 3 - url) + strcspn(p + 3, "/?#") :
	    strlen(url));
}

static void
explain(struct slot *s, CURLcode rc)
{
	struct ir_http_req *r = s->req;
	const char *why = *s->why ? s->why : curl_easy_strerror(rc);
	int n = origin_len(r->url), code = IR_TEMPFAIL;

	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		code = IR_NOPERM;
		break;
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_URL_MALFORMAT:
		code = IR_CONFIG;
		break;
	case CURLE_OUT_OF_MEMORY:
		code = IR_OSERR;
		break;
	case CURLE_WRITE_ERROR:
		code = IR_PROTOCOL;
		why = "the answer is too long";
		break;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:	/* its word for "not HTTP" */
		code = IR_PROTOCOL;
		break;
	case CURLE_ABORTED_BY_CALLBACK:
		why = "interrupted";
		break;
	case CURLE_OPERATION_TIMEDOUT:
		why = r->sent ? "no answer in time" : "cannot connect in time";
		break;
	default:
		if (r->status) {
			code = IR_PROTOCOL;
			why = "the answer broke off";
		}
		break;
	}
	ir_fail(&r->err, code, "%.*s: %s", n, r->url, why);
}

/*
 * The handle goes with its request, for it keeps a copy of what it sent (the
 * session token is in that); the connections are the multi handle's.
 */
static void
drop(struct slot *s)
{
	curl_easy_cleanup(s->easy);
	curl_slist_free_all(s->headers);
	*s = (struct slot){ 0 };
}

static void
finish(struct ir_http *h, struct slot *s, CURLcode rc)
{
	struct ir_http_req *r = s->req;
	long status = 0, bytes = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(s->easy, CURLINFO_REQUEST_SIZE, &bytes);
	r->status = (int)status;
	r->sent = bytes > 0 || status > 0;
	if (s->aged)
		r->date = 0;
	if (rc)
		explain(s, rc);
	curl_multi_remove_handle(h->multi, s->easy);
	drop(s);
	if (r->secret)
		ir_secret_burn();
}

/* Give a request to an idle slot; one that cannot start is done. */
static bool
begin(struct ir_http *h, struct slot *s, struct ir_http_req *r)
{
	s->req = r;
	if (set_up(h, s, &r->err) == 0 &&
	    curl_multi_add_handle(h->multi, s->easy) == CURLM_OK)
		return true;
	if (r->err.code == 0)
		ir_fail(&r->err, IR_OSERR, "cannot start a request");
	drop(s);
	return false;
}

static void
clear_results(struct ir_http_req *r)
{
	r->status = 0;
	r->reply = (struct ir_buf)IR_BUF(r->max ? r->max : MAX_REPLY);
	r->reply.wipe = r->secret;
	r->date = r->retry_after_ms = 0;
	r->request_id[0] = r->query_error[0] = r->error_type[0] = '\0';
	r->sent = false;
	r->err = (struct ir_err)IR_ERR_INIT;
}

/* --- running ----------------------------------------------------------- */

/* What one ir_http_feed knows. */
struct run {
	struct ir_http *h;
	const struct ir_http_feed *f;
	size_t parallel, busy;
	int64_t wait_ms;	/* until next is asked again; -1: no time */
};

/* Fill the free slots, as long as there are requests. */
static void
fill(struct run *run)
{
	struct ir_http_req *r;
	size_t i;

	run->wait_ms = -1;
	for (i = 0; i < run->parallel; i++) {
		while (!run->h->slots[i].req) {
			r = run->f->next(run->f->arg, &run->wait_ms);
			if (!r)
				return;
			clear_results(r);
			if (begin(run->h, &run->h->slots[i], r))
				run->busy++;
			else
				run->f->done(r, run->f->arg);
		}
	}
}

static size_t
reap(struct run *run)
{
	struct ir_http_req *r;
	struct CURLMsg *m;
	struct slot *s;
	size_t n = 0;
	char *p;
	int left;

	while ((m = curl_multi_info_read(run->h->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
		s = (struct slot *)(void *)p;
		r = s->req;
		finish(run->h, s, m->data.result);
		run->busy--;
		run->f->done(r, run->f->arg);
		n++;
	}
	return n;
}

static void
abandon(struct run *run)
{
	struct ir_http_req *r;
	size_t i;

	for (i = 0; i < run->parallel; i++) {
		r = run->h->slots[i].req;
		if (!r)
			continue;
		finish(run->h, &run->h->slots[i], CURLE_ABORTED_BY_CALLBACK);
		run->busy--;
		run->f->done(r, run->f->arg);
	}
}

static void
nap(struct run *run)
{
	int64_t ms = TICK_MS;

	if (run->wait_ms >= 0 && run->wait_ms < ms)
		ms = run->wait_ms;
	curl_multi_poll(run->h->multi, NULL, 0, (int)ms, NULL);
}

/* libcurl does not start: nobody gets an answer. */
static void
refuse(const struct ir_http_feed *f, const struct ir_err *err)
{
	struct ir_http_req *r;
	int64_t ms;

	while ((r = f->next(f->arg, &ms))) {
		clear_results(r);
		r->err = *err;
		f->done(r, f->arg);
	}
}

void
ir_http_feed(struct ir_http *h, const struct ir_http_feed *f, size_t parallel)
{
	struct run run = { .h = h, .f = f, .parallel = parallel };
	struct ir_err err = IR_ERR_INIT;
	int running;

	if (start(h, &err)) {
		refuse(f, &err);
		return;
	}
	if (parallel == 0 || parallel > h->nslots)
		run.parallel = h->nslots;
	for (;;) {
		if (f->tick && f->tick(f->arg)) {
			abandon(&run);
			return;
		}
		fill(&run);
		if (!run.busy && run.wait_ms < 0)
			return;
		curl_multi_perform(h->multi, &running);
		/* a slot that has just come free is filled first */
		if (reap(&run) == 0)
			nap(&run);
	}
}

struct list {
	struct ir_http_req *reqs;
	size_t n, next;
};

static struct ir_http_req *
list_next(void *arg, int64_t *wait_ms)
{
	struct list *l = arg;

	*wait_ms = -1;
	return l->next < l->n ? &l->reqs[l->next++] : NULL;
}

static void
list_done(struct ir_http_req *r, void *arg)
{
	(void)r;
	(void)arg;
}

void
ir_http_run(struct ir_http *h, struct ir_http_req *reqs, size_t n,
    size_t parallel)
{
	struct list l = { reqs, n, 0 };
	const struct ir_http_feed f = { list_next, list_done, NULL, &l };

	ir_http_feed(h, &f, parallel);
}
