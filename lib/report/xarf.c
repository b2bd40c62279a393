/* xarf.c - see xarf.h */
#include <string.h>
#include <strings.h>

#include "arf.h"
#include "core/buf.h"
#include "core/record.h"
#include "core/sha256.h"
#include "core/text.h"
#include "mail/words.h"
#include "xarf.h"

#define EVIDENCE_MAX (4U << 20)
#define TRIES 20

bool
ir_xarf_is(const struct ir_rec *json)
{
	return ir_rec_get(json, "xarf_version") ||
	    (ir_rec_kind(ir_rec_at(json, "ReporterInfo")) == IR_REC_OBJECT &&
	    ir_rec_kind(ir_rec_at(json, "Report")) == IR_REC_OBJECT);
}

static void
put(struct ir_rec *o, const char *key, const struct ir_rec *json,
    const char *path)
{
	const char *s = ir_rec_get(json, path);

	if (s)
		ir_claim_put(o, key, s, strlen(s));
}

static void
add(struct ir_rec *o, const char *key, const struct ir_rec *v)
{
	const char *s = ir_rec_cstr(v);
	size_t i;

	if (s)
		ir_claim_add(o, key, s, strlen(s));
	for (i = 0; !s && ir_rec_kind(v) == IR_REC_ARRAY &&
	    i < ir_rec_len(v) && i < IR_ARF_LIST; i++)
		if ((s = ir_rec_cstr(ir_rec_item(v, i))) != NULL) {
			ir_claim_add(o, key, s, strlen(s));
			s = NULL;
		}
}

static void
when(struct ir_rec *o, const struct ir_rec *json, const char *path)
{
	const char *s = ir_rec_get(json, path);

	if (s)
		ir_claim_time(o, "arrived", s, strlen(s));
}

static void
source(struct ir_rec *o, const char *s)
{
	if (!s || ir_claim_ip(o, "source_ip", s, strlen(s)))
		return;
	ir_claim_add(o, strstr(s, "://") ? "uris" : "domains", s, strlen(s));
}

static void
port(struct ir_rec *o, const struct ir_rec *json, const char *path)
{
	int64_t v = ir_rec_get_int(json, path, -1);

	if (v >= 0 && v <= 65535)
		ir_rec_int(o, "source_port", v);
}

/* "sha256:hex" or bare hex; what other sums say is not known here. */
static void
hash(struct ir_rec *e, const char *want, const char hex[65])
{
	if (!want)
		return;
	if (strncasecmp(want, "sha256:", 7) == 0)
		want += 7;
	if (strlen(want) == 64)
		ir_rec_bool(e, "hash_ok", strcasecmp(want, hex) == 0);
}

static void
evidence(struct ir_rec *o, const struct ir_rec *list, const char *type_key,
    const char *data_key, struct ir_buf *text)
{
	struct ir_rec *out, *e;
	const char *type, *data;
	char hex[65];
	size_t i;

	if (ir_rec_kind(list) != IR_REC_ARRAY || ir_rec_len(list) == 0)
		return;
	out = ir_rec_array();
	for (i = 0; i < ir_rec_len(list) && i < IR_XARF_EVIDENCE; i++) {
		const struct ir_rec *in = ir_rec_item(list, i);
		struct ir_buf b = IR_BUF(EVIDENCE_MAX);

		data = ir_rec_get(in, data_key);
		if (!data)
			continue;
		/* v1 to v3 say of each sample whether it is encoded */
		if (ir_rec_get_bool(in, "Base64Encoded", true))
			ir_base64_lenient(&b, data, strlen(data));
		else
			ir_buf_str(&b, data);
		type = ir_rec_get(in, type_key);
		e = ir_rec_object();
		if (type)
			ir_claim_put(e, "content_type", type, strlen(type));
		ir_rec_int(e, "bytes", (int64_t)b.len);
		ir_sha256_small(ir_buf_cstr(&b), b.len, hex);
		ir_rec_str(e, "sha256", hex);
		hash(e, ir_rec_get(in, "hash"), hex);
		ir_rec_push(out, e);
		if (type && (ir_ascii_starts(type, "message/") ||
		    ir_ascii_starts(type, "text/"))) {
			ir_buf_add(text, ir_buf_cstr(&b), b.len);
			ir_buf_chr(text, '\n');
		}
		ir_buf_free(&b);
	}
	ir_rec_set(o, "evidence", out);
}

static void
version_4(const struct ir_rec *json, struct ir_rec *o, struct ir_buf *text)
{
	put(o, "version", json, "xarf_version");
	put(o, "report_id", json, "report_id");
	when(o, json, "timestamp");
	put(o, "category", json, "category");
	put(o, "kind", json, "type");
	put(o, "reporter", json, "reporter.contact");
	put(o, "reporter_org", json, "reporter.org");
	source(o, ir_rec_get(json, "source_identifier"));
	port(o, json, "source_port");
	put(o, "mail_from", json, "smtp_from");
	add(o, "rcpt_to", ir_rec_at(json, "smtp_to"));
	put(o, "message_id", json, "message_id");
	put(o, "subject", json, "subject");
	add(o, "uris", ir_rec_at(json, "url"));
	add(o, "domains", ir_rec_at(json, "domain"));
	evidence(o, ir_rec_at(json, "evidence"), "content_type", "payload",
	    text);
}

/*
 * Versions 1 to 3, which only add to one another, and what came before them:
 * there FromAddress, ToAddress and InfringingUrl were what is
 * SmtpMailFromAddress, SmtpRcptToAddress and SourceUrl since.  (CHANGELOG,
 * samples/positive of abusix/xarf; Source, AdditionalInfo and Attachment are
 * the v3 of xarf/xarf-spec.)
 */
static void
version_3(const struct ir_rec *json, struct ir_rec *o, struct ir_buf *text)
{
	const struct ir_rec *list = ir_rec_at(json, "Report.Attachment");

	put(o, "version", json, "Version");
	put(o, "report_id", json, "Report.ReportID");
	when(o, json, "Report.Date");
	put(o, "category", json, "Report.ReportClass");
	put(o, "kind", json, "Report.ReportType");
	put(o, "reporter", json, "ReporterInfo.ReporterContactEmail");
	put(o, "reporter", json, "ReporterInfo.ReporterOrgEmail");
	put(o, "reporter_org", json, "ReporterInfo.ReporterOrg");
	source(o, ir_rec_get(json, "Report.Source.IP"));
	source(o, ir_rec_get(json, "Report.SourceIp"));
	source(o, ir_rec_get(json, "Report.Source.URL"));
	source(o, ir_rec_get(json, "Report.SourceUrl"));
	source(o, ir_rec_get(json, "Report.InfringingUrl"));
	add(o, "domains", ir_rec_at(json, "Report.RpzDomain"));
	port(o, json, "Report.Source.Port");
	port(o, json, "Report.SourcePort");
	put(o, "mail_from", json, "Report.AdditionalInfo.SMTPFrom");
	put(o, "mail_from", json, "Report.SmtpMailFromAddress");
	put(o, "mail_from", json, "Report.FromAddress");
	add(o, "rcpt_to", ir_rec_at(json, "Report.SmtpRcptToAddress"));
	add(o, "rcpt_to", ir_rec_at(json, "Report.ToAddress"));
	put(o, "message_id", json, "Report.AdditionalInfo.MessageID");
	put(o, "subject", json, "Report.AdditionalInfo.Subject");
	put(o, "subject", json, "Report.SmtpMessageSubject");
	if (!list)
		list = ir_rec_at(json, "Report.Samples");
	evidence(o, list, "ContentType", ir_rec_get(list, "0.Payload") ?
	    "Payload" : "Data", text);
}

void
ir_xarf_json(const struct ir_rec *json, struct ir_rec *o, struct ir_buf *text)
{
	ir_rec_str(o, "format", "xarf");
	if (ir_rec_get(json, "xarf_version"))
		version_4(json, o, text);
	else
		version_3(json, o, text);
}

/* The length of the object that begins at s, or 0. */
static size_t
object(const char *s, size_t n)
{
	size_t i, depth = 0;
	bool quoted = false;

	for (i = 0; i < n && i < IR_XARF_BYTES; i++) {
		if (quoted && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (!quoted && s[i] == '{')
			depth++;
		else if (!quoted && s[i] == '}' && --depth == 0)
			return i + 1;
	}
	return 0;
}

bool
ir_xarf_find(const char *s, size_t n, size_t *at, size_t *len)
{
	const char *end = s + n, *key, *p;
	int tries;

	key = memmem(s, n, "\"xarf_version\"", 14);
	if (!key)
		key = memmem(s, n, "\"ReporterInfo\"", 14);
	/* the brace before the key, or one a little further up */
	for (p = key, tries = 0; p && p > s && tries < TRIES; tries++) {
		p = memrchr(s, '{', (size_t)(p - s));
		if (!p)
			break;
		*len = object(p, (size_t)(end - p));
		if (*len && p + *len > key) {
			*at = (size_t)(p - s);
			return true;
		}
	}
	return false;
}
