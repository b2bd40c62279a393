/* leak.c - what the scanner finds in bytes, and what it does not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "leak/scan.h"
#include "leak/scan_in.h"

#define MOST 64

/* Made up. */
#define KEY "AKIARTXO2MZW7K4QDYNB"
#define SECRET "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"
#define SES "BNq7/x2KdYw9Zr4Tt+Vb1Ls8Hc3Mf6Pj0Qa5EgWuXiRo"

struct seen {
	size_t n;
	struct ir_leak_hit hit[MOST];
	char value[MOST][IR_LEAK_VALUE + 1];
};

static int
keep(const struct ir_leak_hit *h, void *arg)
{
	struct seen *s = arg;

	assert_true(s->n < MOST);
	s->hit[s->n] = *h;
	memcpy(s->value[s->n], h->value, h->nvalue);
	s->value[s->n][h->nvalue] = '\0';
	s->n++;
	return 0;
}

static void
scan_n(struct seen *s, const void *text, size_t n, bool lines)
{
	struct ir_leak_rules r = { .lines = lines };
	struct seen other;
	/* a copy of its own, so that a byte too far is noticed */
	unsigned char *p = malloc(n ? n : 1);
	size_t i;

	assert_non_null(p);
	memcpy(p, text, n);
	memset(s, 0, sizeof *s);
	assert_int_equal(ir_leak_scan(&r, p, n, 0, n, keep, s), 0);
	for (r.way = IR_LEAK_AVX2; r.way < IR_LEAK_WAYS; r.way++) {
		other.n = 0;
		assert_int_equal(ir_leak_scan(&r, p, n, 0, n, keep, &other),
		    0);
		assert_int_equal(s->n, other.n);
		for (i = 0; i < s->n; i++) {
			assert_int_equal(s->hit[i].offset,
			    other.hit[i].offset);
			assert_int_equal(s->hit[i].len, other.hit[i].len);
			assert_true(s->hit[i].offset + s->hit[i].len <= n);
			assert_string_equal(s->value[i], other.value[i]);
			assert_string_equal(s->hit[i].rule,
			    other.hit[i].rule);
		}
	}
	free(p);
}

/* All of text, shifted through all places in a block. */
static void
one(const char *text, const char *rule, const char *value,
    enum ir_leak_form form)
{
	char *buf = malloc(strlen(text) + 65);
	struct seen s;
	size_t shift;

	assert_non_null(buf);
	for (shift = 0; shift < 64; shift++) {
		memset(buf, '\n', shift);
		memcpy(buf + shift, text, strlen(text) + 1);
		scan_n(&s, buf, strlen(buf), false);
		if (s.n != 1 || strcmp(s.hit[0].rule, rule) != 0)
			print_error("%s: %zu hits, %s\n", text, s.n,
			    s.n ? s.hit[0].rule : "");
		assert_int_equal(s.n, 1);
		assert_string_equal(s.hit[0].rule, rule);
		assert_string_equal(s.value[0], value);
		assert_int_equal(s.hit[0].form, form);
	}
	free(buf);
}

static void
none(const char *text)
{
	struct seen s;
	size_t i;

	scan_n(&s, text, strlen(text), false);
	for (i = 0; i < s.n; i++)
		/* a secret without context is for who knows it already */
		if (s.hit[i].context || s.hit[i].kind != IR_LEAK_AWS_SECRET) {
			print_error("%s: %s\n", text, s.hit[i].rule);
			fail();
		}
}

static void
test_key_ids(void **state)
{
	static const char *const in[] = { KEY, "id=" KEY ";", "x\"" KEY "\"",
	    "\\n" KEY, "%3D" KEY, "\\u003d" KEY, "=3D" KEY, "/" KEY "/2026",
	    "+" KEY "\n", "key_" KEY };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof in / sizeof *in; i++)
		one(in[i], "aws-access-key-id", KEY, IR_LEAK_PLAIN);
	one("ASIARTXO2MZW7K4QDYNB", "aws-access-key-id",
	    "ASIARTXO2MZW7K4QDYNB", IR_LEAK_PLAIN);
	one("ACCARTXO2MZW7K4QDYNB", "aws-access-key-id",
	    "ACCARTXO2MZW7K4QDYNB", IR_LEAK_PLAIN);
	none("x" KEY);
	none(KEY "A");
	none(KEY "a");
	/* not base32; an account that is none; documentation */
	none("AKIARTXO1MZW7K4QDYNB");
	none("AKIAARTXO2MZW7K4QDYN");
	none("AKIA77777777ABCDEFGH");
	none("AKIAIOSFODNN7EXAMPLE");
	none("AKIAQQQQQQQQQQQQQQQQ");
	none("ACIARTXO2MZW7K4QDYNB");
}

static void
test_account(void **state)
{
	(void)state;
	/* the ids of these accounts are in AWS's answers and its manuals */
	assert_int_equal(ir_leak_account("ASIAQNZGKIQY56JQ7WML"),
	    29608264753);
	assert_int_equal(ir_leak_account("AKIAIOSFODNN7EXAMPLE"), -1);
	assert_int_equal(ir_leak_account("AKIA1OSFODNN7EXAMPLE"), -2);
	assert_int_equal(ir_leak_account("XKIARTXO2MZW7K4QDYNB"), -2);
}

static void
test_secrets(void **state)
{
	(void)state;
	one("aws_secret_access_key = " SECRET "\n", "aws-secret-access-key",
	    SECRET, IR_LEAK_PLAIN);
	one("{\"SecretAccessKey\":\"k3Xq9\\/ZbW1dR+u7YpT0cVn5JmLs2HgAeF8iQ4oBx"
	    "\"}", "aws-secret-access-key", SECRET, IR_LEAK_JSON);
	one("secret=k3Xq9%2FZbW1dR%2bu7YpT0cVn5JmLs2HgAeF8iQ4oBx&x=1",
	    "aws-secret-access-key", SECRET, IR_LEAK_URL);
	none("secret " SECRET "=");
	none("secret x" SECRET);
	none("secret 0123456789abcdef0123456789abcdef01234567");
	none("secret AbstractFactoryBeanProviderRegistryImpl1");
	none("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

static void
test_secret_context(void **state)
{
	struct seen s;
	char text[2000];
	int lines, i;

	(void)state;
	for (lines = 1; lines < 40; lines += 10) {
		char *p = text + snprintf(text, sizeof text, "%s", KEY);

		for (i = 0; i < lines; i++)
			*p++ = '\n';
		snprintf(p, 100, "%s", SECRET);
		scan_n(&s, text, strlen(text), false);
		assert_int_equal(s.n, 2);
		assert_int_equal(s.hit[1].context, lines <= 20);
		assert_string_equal(s.hit[1].key, lines <= 20 ? KEY : "");
	}
	/* the id may come later */
	snprintf(text, sizeof text, "a\n%s\nb\n%s\n", SECRET, KEY);
	scan_n(&s, text, strlen(text), false);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.hit[0].key, KEY);
	assert_true(s.hit[0].context);
}

static void
test_ses(void **state)
{
	struct seen s;

	(void)state;
	one(SES, "ses-smtp-password", SES, IR_LEAK_PLAIN);
	one("p:" SES "\r\n", "ses-smtp-password", SES, IR_LEAK_PLAIN);
	one("smtp A" "h7/x2KdYw9Zr4Tt+Vb1Ls8Hc3Mf6Pj0Qa5EgWuXiRoZ",
	    "ses-smtp-password-v2",
	    "Ah7/x2KdYw9Zr4Tt+Vb1Ls8Hc3Mf6Pj0Qa5EgWuXiRoZ", IR_LEAK_PLAIN);
	none("AppDataExternalEntityTypeCreationInformation");
	none("BArr2JUFormatFlagsConversionMismatchException");
	none("BppDataExternalEntityTypeCreationInformatio2");
	none("x" SES);
	none(SES "=");
	none("-" SES);
	/* the last line of a certificate may be 44 long */
	none("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAy0v0Yl1nQ2Zk3Jx5Lr8\n"
	    SES "\n");
	/* a list of passwords is none */
	scan_n(&s, SES "\n" SES "\n", 90, false);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.hit[1].offset, 45);
}

static const char d64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
encode(const char *in, size_t n, char *out, size_t width)
{
	size_t i, col = 0;

	for (i = 0; i < n; i += 3) {
		unsigned v = (unsigned)(unsigned char)in[i] << 16 |
		    (i + 1 < n ? (unsigned)(unsigned char)in[i + 1] : 0) << 8 |
		    (i + 2 < n ? (unsigned)(unsigned char)in[i + 2] : 0);

		*out++ = d64[v >> 18];
		*out++ = d64[v >> 12 & 63];
		*out++ = i + 1 < n ? d64[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? d64[v & 63] : '=';
		col += 4;
		if (width && col == width) {
			*out++ = '\n';
			col = 0;
		}
	}
	*out = '\0';
}

static void
test_base64(void **state)
{
	static const char *const id[] = { KEY, "ASIARTXO2MZW7K4QDYNB",
	    "ABIARTXO2MZW7K4QDYNB", "ACCARTXO2MZW7K4QDYNB" };
	char text[200], out[400];
	size_t i, k;

	(void)state;
	/* alone, as Kubernetes keeps it, in all phases */
	for (k = 0; k < 4; k++)
		for (i = 0; i < 7; i++) {
			snprintf(text, sizeof text, "%.*s%s", (int)i,
			    "a:b-c d", id[k]);
			if (i && ((text[i - 1] >= 'a' && text[i - 1] <= 'z')))
				continue;
			encode(text, strlen(text), out, 0);
			one(out, "aws-access-key-id", id[k], IR_LEAK_BASE64);
		}
	encode(SES, 44, out, 0);
	one(out, "ses-smtp-password", SES, IR_LEAK_BASE64);
	snprintf(text, sizeof text, "user=x\npass=%s\nother=longer-and-longer",
	    SES);
	encode(text, strlen(text), out, 76);
	one(out, "ses-smtp-password", SES, IR_LEAK_BASE64);
	encode(SECRET, 40, text, 0);
	snprintf(out, sizeof out, "AWS_SECRET_ACCESS_KEY: %s\n", text);
	one(out, "aws-secret-access-key", SECRET, IR_LEAK_BASE64);
}

static void
test_base64_long(void **state)
{
	size_t n = 20000, at, i;
	char *text = malloc(n + 1), *out = malloc(n * 2);
	struct seen s;

	(void)state;
	assert_true(text && out);
	/* wherever it stands in a long block, once */
	for (at = 1; at < n - 100; at += 331) {
		for (i = 0; i < n; i++)
			text[i] = i % 61 ? (char)('a' + i % 23) : ' ';
		text[n] = '\0';
		memcpy(text + at, " " KEY " ", 22);
		encode(text, n, out, at % 2 ? 76 : 0);
		scan_n(&s, out, strlen(out), false);
		assert_int_equal(s.n, 1);
		assert_string_equal(s.value[0], KEY);
		assert_true(s.hit[0].offset + 4 > at / 3 * 4);
	}
	free(text);
	free(out);
}

static void
test_utf16(void **state)
{
	static const char *const in[] = { KEY, "x=" KEY, SES,
	    "some words first, and a line\r\nkey " KEY "\r\n" };
	unsigned char buf[4096];
	struct seen s;
	size_t i, k, n, shift, big;

	(void)state;
	for (i = 0; i < sizeof in / sizeof *in; i++)
		for (shift = 0; shift < 40; shift++)
			for (big = 0; big < 2; big++) {
				n = shift;
				memset(buf, 0xfe, n);
				for (k = 0; in[i][k]; k++) {
					buf[n + big] = (unsigned char)
					    in[i][k];
					buf[n + 1 - big] = 0;
					n += 2;
				}
				scan_n(&s, buf, n, false);
				assert_int_equal(s.n, 1);
				assert_string_equal(s.value[0], i == 2 ?
				    SES : KEY);
				assert_int_equal(s.hit[0].form,
				    IR_LEAK_UTF16);
				assert_int_equal(buf[s.hit[0].offset],
				    s.value[0][0]);
			}
}

static void
test_mail(void **state)
{
	static const struct { const char *text, *value; } yes[] = {
		{ "MAIL_PASSWORD=hunter22\n", "hunter22" },
		{ "MAIL_PASSWORD=\"two w0rds?No\"\n", NULL },
		{ "export SMTP_PASS='aB3#xyz_1'\n", "aB3#xyz_1" },
		{ "$mail->Password = 'T0pS3cr=t';  // SMTP password",
		    "T0pS3cr=t" },
		{ "'smtp_pass' => 'Q9z!mm41',", "Q9z!mm41" },
		{ "define( 'WPMS_SMTP_PASS', 'Q9z!mm41' );", "Q9z!mm41" },
		{ "\"smtp_password\";s:8:\"Q9z!mm41\";", "Q9z!mm41" },
		{ "\\\"smtp\\\";a:1:{s:4:\\\"pass\\\";s:8:\\\"Q9z!mm41\\\";}",
		    "Q9z!mm41" },
		{ "smtpPass: \"Q9z!mm41\"", "Q9z!mm41" },
		{ "EMAIL_HOST_PASSWORD = 'Q9z!mm41'", "Q9z!mm41" },
		{ "AuthPass=Q9z!mm41\n", "Q9z!mm41" },
		{ "<smtpPassword>Q9z!mm41</smtpPassword>", "Q9z!mm41" },
		{ "host: smtp.x.example\n auth: {user: 'a', pass: 'Q9z!mm41'}",
		    "Q9z!mm41" },
	};
	static const char *const no[] = { "MAIL_PASSWORD=null\n",
	    "MAIL_PASSWORD=\n", "MAIL_PASSWORD=${SMTP}\n",
	    "MAIL_PASSWORD=\"your-password\"\n",
	    "'smtp_pass' => $password,", "'smtp_pass' => 'password',",
	    "smtp_bypass = 'Q9z!mm41'", "if (smtp_pass == 'Q9z!mm41')",
	    "smtp_password_file = '/etc/x1y2'", "compass = 'Q9z!mm41' // smtp",
	    "'password' => 'Passwort1'", "'password' => 'Q9z!mm41'",
	    "MAIL_PASSWORD=********\n", "smtp.password = getenv(\"A1bcde\")",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof yes / sizeof *yes; i++)
		if (yes[i].value)
			one(yes[i].text, "mail-password", yes[i].value,
			    IR_LEAK_PLAIN);
	for (i = 0; i < sizeof no / sizeof *no; i++)
		none(no[i]);
}

static void
test_exim_and_lines(void **state)
{
	static const char *const lines[] = {
	    "smtp.example:user@x:Q9z!mm41\n", "[smtp.example]:587 u:Q9z!mm41",
	    "password Q9z!mm41\r\n", "machine h login u password Q9z!mm41" };
	struct seen s;
	size_t i;

	(void)state;
	one("  client_send = : user@x : Q9z!mm41\n", "exim-client-send",
	    "Q9z!mm41", IR_LEAK_PLAIN);
	one("client_send = \"^user^Q9z!mm41\"\n", "exim-client-send",
	    "Q9z!mm41", IR_LEAK_PLAIN);
	none("client_send = : $2 : ${extract{pass}}\n");
	for (i = 0; i < sizeof lines / sizeof *lines; i++) {
		scan_n(&s, lines[i], strlen(lines[i]), true);
		assert_int_equal(s.n, 1);
		assert_string_equal(s.value[0], "Q9z!mm41");
		assert_string_equal(s.hit[0].rule, "mail-credential-file");
		scan_n(&s, lines[i], strlen(lines[i]), false);
		assert_int_equal(s.n, 0);
	}
	scan_n(&s, "# host:user:Q9z!mm41\n\n::\n:\n \n", 30, true);
	assert_int_equal(s.n, 0);
}

#define BODY "MIIEpAIBAAKCAQEAw7q2Zk3Jx5Lr8Vn1TtYp0cWdRb9uXiSoEgHf6Mj4Qa2KeNyB"

static void
test_private_keys(void **state)
{
	(void)state;
	one("-----BEGIN RSA PRIVATE KEY-----\n" BODY "\n",
	    "rsa-private-key", BODY, IR_LEAK_PLAIN);
	one("\"-----BEGIN PRIVATE KEY-----\\n" BODY "\\n\"", "private-key",
	    BODY, IR_LEAK_PLAIN);
	one("-----BEGIN OPENSSH PRIVATE KEY-----\r\n" BODY "\r\n",
	    "openssh-private-key", BODY, IR_LEAK_PLAIN);
	one("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-256-CBC,00\n\n" BODY "\n",
	    "encrypted-private-key", BODY, IR_LEAK_PLAIN);
	one("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: x\n\n" BODY,
	    "pgp-private-key", BODY, IR_LEAK_PLAIN);
	none("-----BEGIN RSA PRIVATE KEY-----\n...\n");
	none("-----BEGIN PUBLIC KEY-----\n" BODY "\n");
	none("-----BEGIN CERTIFICATE-----\n" BODY "\n");
	none("\"-----BEGIN PRIVATE KEY-----\" + key + \"-----END");
}

static void
test_webhooks(void **state)
{
	(void)state;
	one("https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/"
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd", "slack-webhook",
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd", IR_LEAK_PLAIN);
	one("\"https:\\/\\/hooks.slack.com\\/services\\/T0A1B2C3D\\/B0A1B2C3D"
	    "\\/aZ3kQ9xW7mNpL2vR5tYu8sBd\"", "slack-webhook",
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd", IR_LEAK_PLAIN);
	one("https://discord.com/api/webhooks/123456789012345678/"
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd_aZ3kQ9xW7mNpL2vR5tYu8sBd-aZ3kQ9xW7mNpL2v",
	    "discord-webhook",
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd_aZ3kQ9xW7mNpL2vR5tYu8sBd-aZ3kQ9xW7mNpL2v",
	    IR_LEAK_PLAIN);
	one("api.telegram.org/bot123456789:AAzkQ9xW7mNpL2vR5tYu8sBd_AAkQ9xW7m1",
	    "telegram-bot-token", "AAzkQ9xW7mNpL2vR5tYu8sBd_AAkQ9xW7m1",
	    IR_LEAK_PLAIN);
	one("https://chat.googleapis.com/v1/spaces/AAAAbbbb123/messages?key="
	    "AIzaSyAaZ3kQ9xW7mNpL2vR5tYu8sBdAAkQ9xW7&token="
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd_AAkQ9xW7m1aZ3kQ9xW%3D",
	    "google-chat-webhook",
	    "aZ3kQ9xW7mNpL2vR5tYu8sBd_AAkQ9xW7m1aZ3kQ9xW%3D", IR_LEAK_PLAIN);
	one("https://x.webhook.office.com/webhookb2/"
	    "01234567-89ab-cdef-0123-456789abcdef@"
	    "01234567-89ab-cdef-0123-456789abcdef/IncomingWebhook/"
	    "0123456789abcdef0123456789abcdef/"
	    "01234567-89ab-cdef-0123-456789abcdef", "teams-webhook",
	    "01234567-89ab-cdef-0123-456789abcdef", IR_LEAK_PLAIN);
	none("https://hooks.slack.com/services/T00000000/B00000000/"
	    "XXXXXXXXXXXXXXXXXXXXXXXX");
	none("add_hook(webhook/robot)");
}

/* Windows that overlap by the reach give what the whole gives. */
static void
test_windows(void **state)
{
	size_t n = 60000, w = 10000, a, from, to, i, k;
	unsigned char *p = malloc(n);
	struct seen all = { 0 }, parts = { 0 };

	(void)state;
	assert_non_null(p);
	for (i = 0; i < n; i++)
		p[i] = i % 97 ? ' ' : '\n';
	for (i = 0, k = 1990; k + 100 < n; k += 2011, i++)
		memcpy(p + k, i % 3 == 0 ? KEY : i % 3 == 1 ? SES : SECRET,
		    i % 3 == 0 ? 20 : i % 3 == 1 ? 44 : 40);
	assert_int_equal(ir_leak_scan(NULL, p, n, 0, n, keep, &all), 0);
	for (a = 0; a < n; a += w) {
		from = a < IR_LEAK_REACH ? 0 : a - IR_LEAK_REACH;
		to = a + w + IR_LEAK_REACH > n ? n : a + w + IR_LEAK_REACH;
		k = parts.n;
		(void)ir_leak_scan(NULL, p + from, to - from, a - from,
		    a - from + w, keep, &parts);
		for (; k < parts.n; k++)
			parts.hit[k].offset += from;
	}
	assert_int_equal(all.n, i = all.n);
	assert_int_equal(all.n, parts.n);
	for (i = 0; i < all.n; i++) {
		assert_int_equal(all.hit[i].offset, parts.hit[i].offset);
		assert_string_equal(all.hit[i].key, parts.hit[i].key);
		assert_int_equal(all.hit[i].context, parts.hit[i].context);
	}
	free(p);
}

static int
first(const struct ir_leak_hit *h, void *arg)
{
	(void)h;
	++*(int *)arg;
	return 7;
}

static void
test_stop_and_kinds(void **state)
{
	const struct ir_leak_rules r = { .kinds = 1u << IR_LEAK_SES_PASSWORD };
	const unsigned char text[] = KEY "\n" KEY "\n" SES;
	int n = 0;

	(void)state;
	assert_int_equal(ir_leak_scan(NULL, text, sizeof text - 1, 0, 1000,
	    first, &n), 7);
	assert_int_equal(n, 1);
	assert_int_equal(ir_leak_scan(&r, text, sizeof text - 1, 0, 1000,
	    first, &n), 7);
	assert_int_equal(n, 2);
	assert_int_equal(ir_leak_scan(&r, text, sizeof text - 1, 0, 42, first,
	    &n), 0);
	assert_int_equal(ir_leak_scan(NULL, text, 0, 0, 0, first, &n), 0);
}

/* Bytes that come near: all ways agree, and neither reads too far. */
static void
test_all_ways(void **state)
{
	static const char set[] = "AKSBCIApPsS-EGhobtkQUtJFLTBl0_.g/%"
	    "\\ \n\0x2=";
	unsigned char buf[700];
	uint32_t seed = 7;
	struct seen s;
	size_t i, n;
	int round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		seed = seed * 1664525 + 1013904223;
		n = seed >> 16 & 511;
		for (i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			buf[i] = (unsigned char)set[(seed >> 16) %
			    (sizeof set - 1)];
		}
		scan_n(&s, buf, n, round % 2);
	}
}

/* What the sweep called, as text; each way into its own. */
static char called[IR_LEAK_WAYS][4096];
static enum ir_leak_way way;

static void
call(const char *what, size_t at)
{
	size_t n = strlen(called[way]);

	assert_true(n + 32 < sizeof called[way]);
	snprintf(called[way] + n, 32, "%s %zu\n", what, at);
}

static void
on_anchor(struct leak_span *s, size_t at)
{
	/* what is none is for the one who looks closer */
	if (ir_leak_anchor(s->p + at, s->n - at))
		call("anchor", at);
}

static void
on_run(struct leak_span *s, size_t at)
{
	(void)s;
	call("run", at);
}

static void
on_wide(struct leak_span *s, size_t at)
{
	(void)s;
	call("wide", at);
}

/* All ways of looking see the same; "word AT\n" is among it. */
static void
sweep(const unsigned char *p, size_t n, const char *word, size_t at)
{
	static const struct leak_sweep to = { on_anchor, on_run, on_wide };
	struct leak_root root = { .stop = 0 };
	struct leak_span s = { .p = p, .n = n, .root = &root };
	char want[32];

	for (way = 0; way < IR_LEAK_WAYS; way++) {
		called[way][0] = '\0';
		ir_leak_sweep(&s, &to, way);
		assert_string_equal(called[0], called[way]);
	}
	snprintf(want, sizeof want, "%s %zu\n", word, at);
	if (word[0] && !strstr(called[0], want))
		fail_msg("%s in %.4s: %s", want, (const char *)p + at,
		    called[0]);
}

/* Every four bytes that a rule hangs on, at every place of a block. */
static void
test_anchors(void **state)
{
	static const char *const sets[][4] = {
		{ "A", "KSBC", "IC", "A" }, { "pP", "aA", "sS", "sS" },
		{ "-", "B", "E", "G" }, { "h/", "ob", "o", "kt" },
		{ "at", "t_", ".s", "ge" }, { "Q", "UV", "tNJ", "JD" },
		{ "F", "LTCD", "SQ", "U0" }, { "B", "SUQ", "0k", "lN" },
	};
	unsigned char buf[192];
	const char *const *set;
	size_t i, k, at, of, n;

	(void)state;
	for (i = 0; i < sizeof sets / sizeof *sets; i++) {
		set = sets[i];
		n = strlen(set[0]) * strlen(set[1]) * strlen(set[2]) *
		    strlen(set[3]);
		for (at = 0; at < n * 68; at++) {
			memset(buf, ' ', sizeof buf);
			for (k = 0, of = at / 68; k < 4; k++) {
				buf[at % 68 + k] = (unsigned char)
				    set[k][of % strlen(set[k])];
				of /= strlen(set[k]);
			}
			sweep(buf, sizeof buf, "anchor", at % 68);
			/* and as the last four */
			sweep(buf, at % 68 + 4, "anchor", at % 68);
		}
	}
}

/* Every byte, as one of a run, of UTF-16, and as an end of both. */
static void
test_runs(void **state)
{
	unsigned char buf[192];
	size_t c, at, i;

	(void)state;
	for (c = 0; c < 256; c++)
		for (at = 0; at < 64; at++) {
			memset(buf, 'x', sizeof buf);
			buf[at + 32] = (unsigned char)c;
			sweep(buf, sizeof buf, LEAK_RUN(c) ? "run" : "",
			    (at + 32) / 16 * 16);
			for (i = 0; i < sizeof buf; i += 2)
				buf[i + at % 2] = 0;
			sweep(buf, sizeof buf, "", 0);
			memset(buf, (int)c, sizeof buf);
			for (i = 0; i < sizeof buf; i += 2)
				buf[i + at % 2] = ' ';
			sweep(buf, sizeof buf, LEAK_RUN(c) ? "wide" : "",
			    1 - at % 2);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_key_ids),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_secret_context),
		cmocka_unit_test(test_ses),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_long),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_exim_and_lines),
		cmocka_unit_test(test_private_keys),
		cmocka_unit_test(test_webhooks),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_stop_and_kinds),
		cmocka_unit_test(test_all_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
