/* line.c - see line.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "../net/dnsbl.h"
#include "line.h"

#define WORDS_MAX 12		/* of what is before the time */
#define JSON_TEXT 2048		/* bytes of a string that are looked at */

struct span {
	const char *p;
	size_t n;
};

static bool
is(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* The number that digits are; -1: they are none, or it is not what fits. */
static int
number(const char *p, size_t n)
{
	int v = 0;

	if (n == 0 || n > 9)
		return -1;
	while (n--) {
		if (*p < '0' || *p > '9')
			return -1;
		v = v * 10 + (*p++ - '0');
	}
	return v;
}

/* --- parts -------------------------------------------------------------- */

void
ir_web_host(const char *p, size_t n, char *to, size_t size)
{
	const char *colon = memchr(p, ':', n);
	size_t i;

	*to = '\0';
	if (colon && number(colon + 1, n - (size_t)(colon - p) - 1) < 0)
		return;
	if (colon)
		n = (size_t)(colon - p);
	if (n && p[n - 1] == '.')
		n--;
	if (n == 0 || n >= size || p[0] == '-' || p[0] == '.')
		return;
	for (i = 0; i < n; i++) {
		char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '_' || (c == '.' && p[i - 1] != '.'))) {
			*to = '\0';
			return;
		}
		to[i] = c;
	}
	to[n] = '\0';
}

/* Four numbers with dots between, as inet_pton(3) has them. */
static bool
take_ip4(struct span s, uint8_t b[4])
{
	const char *p = s.p, *end = s.p + s.n, *first;
	unsigned v;
	int i;

	for (i = 0; i < 4; i++) {
		if (i && (p == end || *p++ != '.'))
			return false;
		for (first = p, v = 0; p < end && p - first < 3 &&
		    *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (unsigned)(*p - '0');
		if (p == first || v > 255 || (*first == '0' && p > first + 1))
			return false;
		b[i] = (uint8_t)v;
	}
	return p == end;
}

/* Up to four hexadecimal digits and a colon: most names are told by that. */
static bool
may_be_ip6(struct span s)
{
	size_t i = 0;

	while (i < s.n && i < 4 && ir_hex_digit(s.p[i]) >= 0)
		i++;
	return i < s.n && s.p[i] == ':';
}

/* Of "192.0.2.1, 10.0.0.1", what a proxy adds, the first. */
static bool
take_ip(struct span s, struct ir_web_post *post)
{
	char text[64];
	struct ir_ip ip;
	const char *comma;

	/* a name, by its first character */
	if (s.n == 0 || (ir_hex_digit(*s.p) < 0 && *s.p != ':' &&
	    *s.p != '['))
		return false;
	comma = memchr(s.p, ',', s.n);
	if (comma)
		s.n = (size_t)(comma - s.p);
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') {
		s.p++;
		s.n -= 2;
	}
	if (s.n < 2 || s.n >= sizeof text)
		return false;
	ip.v6 = false;
	if (!take_ip4(s, ip.b)) {
		if (!may_be_ip6(s))
			return false;
		memcpy(text, s.p, s.n);
		text[s.n] = '\0';
		if (ir_ip_parse(text, false, &ip))
			return false;
	}
	post->v6 = ip.v6;
	post->has_ip = true;
	memcpy(post->ip, ip.b, sizeof post->ip);
	if (!ip.v6)
		memset(post->ip + 4, 0, 12);
	return true;
}

static bool
unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

/* The path of a target (RFC 9112, 3.2), as one name for all its spellings. */
static bool
take_target(struct span s, struct ir_web_post *post)
{
	size_t i, n = 0, scheme = 0;
	const char *slash;
	int hi, lo;

	if (s.n > 8 && memcmp(s.p, "http://", 7) == 0)
		scheme = 7;
	else if (s.n > 8 && memcmp(s.p, "https://", 8) == 0)
		scheme = 8;
	if (scheme) {
		slash = memchr(s.p + scheme, '/', s.n - scheme);
		i = slash ? (size_t)(slash - s.p) : s.n;
		if (!post->vhost[0])
			ir_web_host(s.p + scheme, i - scheme, post->vhost,
			    sizeof post->vhost);
		s.p += i;
		s.n -= i;
		if (s.n == 0)
			s = (struct span){ "/", 1 };
	}
	if (s.n == 0 || *s.p != '/')
		return false;
	post->path_cut = false;
	for (i = 0; i < s.n && s.p[i] != '?' && s.p[i] != '#' &&
	    s.p[i] != ';'; i++) {
		int c = (unsigned char)s.p[i];

		if (n + 1 == sizeof post->path) {
			post->path_cut = true;
			break;
		}
		if (c == '%' && i + 2 < s.n &&
		    (hi = ir_hex_digit(s.p[i + 1])) >= 0 &&
		    (lo = ir_hex_digit(s.p[i + 2])) >= 0 &&
		    unreserved(hi * 16 + lo)) {
			c = hi * 16 + lo;
			i += 2;
		}
		if (c == '/' && n && post->path[n - 1] == '/')
			continue;
		post->path[n++] = (char)c;
	}
	post->path[n] = '\0';
	return true;
}

static void
take_agent(struct span s, struct ir_web_post *post)
{
	size_t n = s.n < sizeof post->agent ? s.n : sizeof post->agent - 1;

	if (is(s, "-"))
		n = 0;
	/* memcpy() of so few bytes becomes a slow "rep movs" */
	memmove(post->agent, s.p, n);
	post->agent[n] = '\0';
}

/* "POST /contact.php HTTP/1.1"; 1, 0 another method, -1 torn. */
static int
take_request(struct span s, struct ir_web_post *post)
{
	const char *end;

	if (s.n < 5 || memcmp(s.p, "POST ", 5) != 0)
		return 0;
	s.p += 5;
	s.n -= 5;
	end = memrchr(s.p, ' ', s.n);
	if (end && s.n - (size_t)(end - s.p) > 5 &&
	    memcmp(end + 1, "HTTP", 4) == 0)
		s.n = (size_t)(end - s.p);
	return take_target(s, post) ? 1 : -1;
}

/* "01/Oct/2025:00:00:00 +0000", or RFC 3339. */
static bool
take_time(struct span s, int64_t *t)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *p = s.p;
	int mon, v[6], zone = 0;
	char text[40];

	if (s.n >= 20 && s.n < sizeof text && p[4] == '-') {
		memcpy(text, p, s.n);
		text[s.n] = '\0';
		return ir_time_parse(text, t) == 0;
	}
	if (s.n < 20 || p[2] != '/' || p[6] != '/' || p[11] != ':' ||
	    p[14] != ':' || p[17] != ':')
		return false;
	for (mon = 0; mon < 12 && memcmp(months + mon * 3, p + 3, 3); mon++)
		continue;
	v[0] = number(p, 2);
	v[1] = number(p + 7, 4);
	v[2] = number(p + 12, 2);
	v[3] = number(p + 15, 2);
	v[4] = number(p + 18, 2);
	if (mon == 12 || v[0] < 1 || v[0] > 31 || v[1] < 1970 || v[2] < 0 ||
	    v[2] > 23 || v[3] < 0 || v[3] > 59 || v[4] < 0 || v[4] > 60)
		return false;
	if (s.n >= 26 && (p[21] == '+' || p[21] == '-')) {
		v[5] = number(p + 22, 4);
		if (v[5] < 0 || v[5] % 100 > 59 || v[5] > 1500)
			return false;
		zone = v[5] / 100 * 3600 + v[5] % 100 * 60;
		zone = p[21] == '-' ? -zone : zone;
	}
	*t = ir_time_civil(v[1], mon + 1, v[0], v[2], v[3], v[4]) - zone;
	return true;
}

/* --- common and combined ------------------------------------------------ */

/* What is between quotes, from *p on, which moves behind it. */
static bool
quoted(const char **p, const char *end, struct span *s)
{
	const char *q = *p, *back;

	if (end - q > 1 && q[0] == ' ' && q[1] == '"')
		q++;		/* nearly always */
	else if (!(q = memchr(q, '"', (size_t)(end - q))))
		return false;
	s->p = ++q;
	for (; (q = memchr(q, '"', (size_t)(end - q))); q++) {
		for (back = q; back > s->p && back[-1] == '\\'; back--)
			continue;
		if ((q - back) % 2 == 0)
			break;	/* no odd number before it: not escaped */
	}
	if (!q)
		return false;
	s->n = (size_t)(q - s->p);
	*p = q + 1;
	return true;
}

/*
 * What is before the time: [syslog's] [host[:port]] client ident user.  A
 * user may be of several words, so the client is the first address.
 */
static bool
take_front(const char *p, const char *end, struct ir_web_post *post)
{
	struct span w[WORDS_MAX];
	size_t n = 0, client = WORDS_MAX;

	/* behind an address only the first counts words: there may be two */
	while (p < end && n < WORDS_MAX && (client == WORDS_MAX ||
	    (client == 0 && n <= 3))) {
		const char *sp = memchr(p, ' ', (size_t)(end - p));

		if (!sp)
			sp = end;
		if (sp > p) {
			w[n] = (struct span){ p, (size_t)(sp - p) };
			if (client == WORDS_MAX && take_ip(w[n], post))
				client = n;
			n++;
		}
		p = sp + 1;
	}
	if (client == WORDS_MAX) {
		/* a client by name: the third from the end */
		if (n < 3)
			return false;
		client = n - 3;
	} else if (client == 0 && n > 3 && !memchr(w[0].p, ',', w[0].n) &&
	    take_ip(w[1], post)) {
		client = 1;	/* the host was asked for by its address */
	}
	if (client > 0)
		ir_web_host(w[client - 1].p, w[client - 1].n, post->vhost,
		    sizeof post->vhost);
	return true;
}

/*
 * Where "[time] " begins; NULL: there is none.  The name of a user stands
 * before it and may be anything: the last one before the request counts.
 */
static const char *
find_time(const char *p, const char *end, int64_t *t, const char **after)
{
	const char *close, *at = end, *quote = p;

	/* up to the first "] " before a quote */
	for (; (quote = memchr(quote, '"', (size_t)(end - quote))); quote++)
		if (quote - p >= 2 && quote[-1] == ' ' && quote[-2] == ']') {
			at = end = quote - 1;
			break;
		}
	while ((at = memrchr(p, '[', (size_t)(at - p)))) {
		close = memchr(at, ']', end - at > 40 ? 40 :
		    (size_t)(end - at));
		if (close && take_time((struct span){ at + 1,
		    (size_t)(close - at) - 1 }, t)) {
			*after = close + 1;
			return at;
		}
	}
	return NULL;
}

static int
combined(const char *line, size_t n, struct ir_web_post *post)
{
	const char *p, *at, *end = line + n;
	struct span request, s;
	int rc;

	at = find_time(line, end, &post->time, &p);
	if (!at || !quoted(&p, end, &request))
		return -1;
	rc = take_front(line, at, post) ? take_request(request, post) : -1;
	if (rc <= 0)
		return rc;
	if (end - p < 4 || *p != ' ')
		return -1;
	post->status = number(p + 1, 3);
	if (post->status < 100 || post->status > 599 ||
	    (end - p > 4 && p[4] != ' '))
		return -1;
	p += 4;
	if (!quoted(&p, end, &s))
		return 1;	/* the common form has no more */
	post->referer = s.n > 0 && !is(s, "-");
	if (quoted(&p, end, &s))
		take_agent(s, post);
	return 1;
}

/* --- JSON --------------------------------------------------------------- */

/* A string's text, its escapes undone as far as they are ASCII. */
static struct span
unescape(struct span s, char buf[JSON_TEXT])
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	size_t i, n = 0;

	for (i = 0; i < s.n && n < JSON_TEXT; i++) {
		char c = s.p[i];
		const char *k;

		if (c == '\\' && i + 1 < s.n) {
			c = s.p[++i];
			if (c == 'u' && i + 4 < s.n) {
				int hi = ir_hex_digit(s.p[i + 3]);
				int lo = ir_hex_digit(s.p[i + 4]);

				c = hi < 0 || lo < 0 || s.p[i + 1] != '0' ||
				    s.p[i + 2] != '0' || hi > 7 ? '?' :
				    (char)(hi * 16 + lo);
				i += 4;
			} else if (c && (k = strchr(from, c))) {
				c = to[k - from];
			}
		}
		buf[n++] = c;
	}
	return (struct span){ buf, n };
}

/* What JSON logs call their fields. */
enum key { NONE, REQUEST, METHOD, URI, IP, TIME, STATUS, HOST, AGENT, REFERER };

#define K(name, key) { sizeof name - 1, key, name }
static const struct {
	unsigned char n, key;
	char name[20];
} keys[] = {
	K("request", REQUEST), K("requestLine", REQUEST),
	K("request_method", METHOD), K("method", METHOD), K("verb", METHOD),
	K("RequestMethod", METHOD), K("requestMethod", METHOD),
	K("request_uri", URI), K("uri", URI), K("url", URI), K("path", URI),
	K("RequestPath", URI), K("requestUrl", URI), K("uri_path", URI),
	K("remote_addr", IP), K("remote_ip", IP), K("client_ip", IP),
	K("clientip", IP), K("client", IP), K("ClientHost", IP),
	K("remoteAddr", IP), K("ip", IP), K("remote", IP), K("remoteIP", IP),
	K("remote_host", IP), K("host_ip", IP),
	K("time_iso8601", TIME), K("timestamp", TIME), K("@timestamp", TIME),
	K("time", TIME), K("time_local", TIME), K("ts", TIME),
	K("msec", TIME), K("StartUTC", TIME), K("date", TIME),
	K("datetime", TIME),
	K("status", STATUS), K("status_code", STATUS), K("response", STATUS),
	K("DownstreamStatus", STATUS), K("code", STATUS),
	K("statusCode", STATUS),
	K("http_host", HOST), K("host", HOST), K("server_name", HOST),
	K("vhost", HOST), K("RequestHost", HOST), K("virtual_host", HOST),
	K("domain", HOST),
	K("http_user_agent", AGENT), K("user_agent", AGENT),
	K("agent", AGENT), K("User-Agent", AGENT), K("userAgent", AGENT),
	K("request_User-Agent", AGENT), K("http_user-agent", AGENT),
	K("http_referer", REFERER), K("referer", REFERER),
	K("http_referrer", REFERER), K("referrer", REFERER),
	K("Referer", REFERER), K("request_Referer", REFERER),
};
#undef K

static enum key
key_of(struct span s)
{
	size_t i;

	for (i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].n == s.n && memcmp(keys[i].name, s.p, s.n) == 0)
			return (enum key)keys[i].key;
	return NONE;
}

struct fields {
	bool post, other, time, uri;
	int request;		/* what a whole request line said */
};

/* "1700000000.123": seconds, or milliseconds when it is too large for them. */
static bool
number_time(struct span s, int64_t *t)
{
	int64_t v = 0;
	size_t i;

	for (i = 0; i < s.n && i < 14 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		v = v * 10 + (s.p[i] - '0');
	if (i < 9 || (i < s.n && s.p[i] != '.'))
		return false;
	*t = v > 100000000000 ? v / 1000 : v;
	return true;
}

static void
plain_field(struct span key, struct span v, struct fields *f,
    struct ir_web_post *post)
{
	if (v.n > JSON_TEXT)
		v.n = JSON_TEXT;
	switch (key_of(key)) {
	case REQUEST:
		f->request = take_request(v, post);
		f->other |= f->request == 0;
		break;
	case METHOD:
		f->post = is(v, "POST");
		f->other |= !f->post;
		break;
	case URI:
		if (!f->uri && f->request <= 0)
			f->uri = take_target(v, post);
		break;
	case IP:
		if (!post->has_ip)
			(void)take_ip(v, post);
		break;
	case TIME:
		if (!f->time)
			f->time = take_time(v, &post->time) ||
			    number_time(v, &post->time);
		break;
	case STATUS:
		post->status = number(v.p, v.n);
		break;
	case HOST:
		if (!post->vhost[0])
			ir_web_host(v.p, v.n, post->vhost,
			    sizeof post->vhost);
		break;
	case AGENT:
		take_agent(v, post);
		break;
	case REFERER:
		post->referer = v.n > 0 && !is(v, "-");
		break;
	case NONE:
		break;
	}
}

static void
escaped_field(struct span key, struct span v, struct fields *f,
    struct ir_web_post *post)
{
	char buf[JSON_TEXT];

	plain_field(key, unescape(v, buf), f, post);
}

/*
 * All pairs of a name and a plain value, however deep: the same names are
 * used flat and nested.  An array's values go by the name before it.
 */
static int
json(const char *p, const char *end, struct ir_web_post *post)
{
	struct fields f = { .request = -1 };
	struct span key = { "", 0 }, v;
	const char *q;

	while (p < end) {
		if (*p == '"') {
			if (!quoted(&p, end, &v))
				return -1;
			for (q = p; q < end && (*q == ' ' || *q == '\t'); q++)
				continue;
			if (q < end && *q == ':') {
				key = v;
				p = q + 1;
			} else {
				/* few have escapes, room for which is large */
				(memchr(v.p, '\\', v.n) ? escaped_field :
				    plain_field)(key, v, &f, post);
			}
		} else if (*p >= '0' && *p <= '9') {
			for (q = p; q < end && ((*q >= '0' && *q <= '9') ||
			    *q == '.'); q++)
				continue;
			plain_field(key, (struct span){ p, (size_t)(q - p) },
			    &f, post);
			p = q;
		} else {
			p++;
		}
	}
	if (f.other && !f.post)
		return 0;
	if (!f.time || !(f.request > 0 || (f.post && f.uri)))
		return -1;
	if (post->status < 100 || post->status > 599)
		post->status = 0;
	return 1;
}

/* --- a line ------------------------------------------------------------- */

bool
ir_web_maybe(const char *line, size_t n)
{
	return memmem(line, n, "\"POST", 5) != NULL;
}

/*
 * Where the object of a JSON line begins, after what syslog may add; its first
 * name is the first that is in quotes.
 */
static const char *
object(const char *line, size_t n)
{
	const char *p = n && *line == '{' ? NULL :
	    memchr(line, '"', n < 200 ? n : 200);

	if (!p)
		return n && *line == '{' ? line : NULL;
	while (p > line && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p - line > 3 && memcmp(p - 3, ": {", 3) == 0 ? p - 1 : NULL;
}

int
ir_web_line(const char *line, size_t n, struct ir_web_post *post)
{
	const char *p = object(line, n);

	post->time = 0;
	post->v6 = post->has_ip = post->referer = post->path_cut = false;
	memset(post->ip, 0, sizeof post->ip);
	post->status = 0;
	post->vhost[0] = post->path[0] = post->agent[0] = '\0';
	return p ? json(p, line + n, post) : combined(line, n, post);
}

bool
ir_web_is_log(const char *line, size_t n)
{
	struct ir_web_post post = { .vhost = "" };
	const char *p = object(line, n), *after;
	struct span request;

	if (p)
		return json(p, line + n, &post) >= 0;
	return find_time(line, line + n, &post.time, &after) &&
	    quoted(&after, line + n, &request);
}
