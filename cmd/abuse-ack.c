/*
 * abuse-ack - acknowledge an abuse report, once.
 *
 * Reads one report record from standard input, or that of an incident; with
 * --bounce a mail, with --delivered the logs of a relay.  Writes the journal
 * and out/ of the incident (which is opened when there is none), sends one
 * mail, and writes one record of type "ack" to standard output, or with
 * --print the bytes of the mail, or with --ticket a text for a portal.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/file.h"
#include "core/text.h"
#include "incident/ack.h"
#include "incident/casefile.h"
#include "incident/courier.h"
#include "incident/incident.h"
#include "incident/join.h"
#include "incident/letter.h"
#include "incident/receipt.h"
#include "incident/view.h"
#include "log/input.h"
#include "mail/compose.h"
#include "mail/dsn.h"
#include "report/sender.h"

#define MAX_REFERENCES 100

static const struct ir_cmd cmd = {
	"abuse-ack", "acknowledge an abuse report, once",
	"[options] [-] < report | --bounce [file] | --delivered --incident=DIR"
};

static const struct ir_col cols[] = {
	{ "id", "CASE" }, { "to", "TO" }, { "state", "STATE" },
	{ "accepted_by", "BY" }, { "transport", "TRANSPORT" },
	{ "reply", "REPLY" }, { "why", "WHY" },
	{ NULL, NULL }
};

#define HEAD \
	"Case: {{case?}}\n" \
	"AWS account ID: {{account?}}\n" \
	"Resources: {{resources?}}\n" \
	"Reported activity: {{activity?}}\n" \
	"\n"

/* What AWS asks for; a team may have letters of its own. */
static const struct {
	const char *kind, *text;
} letters[] = {
	{ "ack",
	"Hello,\n"
	"\n"
	"We have received your abuse report and are handling it as a security\n"
	"incident with the highest priority.\n"
	"\n"
	HEAD
	"The investigation and the containment of the reported activity have\n"
	"begun. We will write again by {{next}} with what\n"
	"was found, the corrective action taken and what prevents a "
	"recurrence.\n"
	"We understand that an answer is due by {{due?}}.\n"
	"\n"
	"Contact: {{contact}}\n" },
	{ "extend",
	"Hello,\n"
	"\n"
	"We are working on your abuse report and need more time to complete\n"
	"the corrective action.\n"
	"\n"
	HEAD
	"Time requested: until {{until}}\n"
	"Reason: {{reason}}\n"
	"Due so far: {{due?}}\n"
	"Action taken so far (UTC):{{actions?}}\n"
	"\n"
	"Contact: {{contact}}\n" },
	{ "resolved",
	"Hello,\n"
	"\n"
	"The activity that you reported has been stopped, and its cause has\n"
	"been removed.\n"
	"\n"
	HEAD
	"Cause: {{cause}}\n"
	"Corrective action taken (UTC):{{actions}}\n"
	"Prevention: {{prevention}}\n"
	"State now: {{state}}\n"
	"\n"
	"The references in brackets are the entries of our incident journal.\n"
	"Please tell us if you still see such activity.\n"
	"\n"
	"Contact: {{contact}}\n" },
	{ "not-abusive",
	"Hello,\n"
	"\n"
	"We have examined the activity that you reported and do not consider\n"
	"it abusive.\n"
	"\n"
	HEAD
	"Use case: {{reason}}\n"
	"\n"
	"Please tell us if you see it otherwise, or need more detail.\n"
	"\n"
	"Contact: {{contact}}\n" },
};

/* For the owner, beside the English letter. */
static const char summary_ja[] =
	"AWS への回答の要約\n"
	"\n"
	"種類: {{kind}}\n"
	"ケース: {{case?}}\n"
	"AWS アカウント: {{account?}}\n"
	"対象: {{resources?}}\n"
	"報告された行為: {{activity?}}\n"
	"回答期限: {{due?}}\n"
	"希望する延長: {{until?}}\n"
	"理由: {{reason?}}\n"
	"原因: {{cause?}}\n"
	"実施した対応 (UTC):{{actions?}}\n"
	"再発防止: {{prevention?}}\n"
	"現在の状態: {{state?}}\n"
	"連絡先: {{contact}}\n";

static const char summary_pt[] =
	"Resumo da resposta à AWS\n"
	"\n"
	"Tipo: {{kind}}\n"
	"Caso: {{case?}}\n"
	"Conta AWS: {{account?}}\n"
	"Recursos: {{resources?}}\n"
	"Atividade relatada: {{activity?}}\n"
	"Prazo da resposta: {{due?}}\n"
	"Prazo pedido: {{until?}}\n"
	"Motivo: {{reason?}}\n"
	"Causa: {{cause?}}\n"
	"Medidas tomadas (UTC):{{actions?}}\n"
	"Prevenção: {{prevention?}}\n"
	"Estado atual: {{state?}}\n"
	"Contato: {{contact}}\n";

struct ack_opts {
	struct ir_common common;
	struct ir_change change;
	const char *template, *to, *from, *contact, *reply_to, *date;
	const char *relay, *relay_user, *relay_password_file, *relay_tls;
	const char *ca_file, *sendmail, *resolver, *settle;
	const char *kind, *cause, *prevention, *reason, *until, *summary;
	const char *ses, *evidence, *mx_host, *posted, *report;
	struct ir_aws_opts aws;
	struct ir_list cc, mainlog;
	long next, mx_port;
	bool mx, print, resend, again, unattended, bounce, delivered, ticket;
};

#define OWN_OPTIONS(o) \
	{ 0, "kind", "KIND", IR_STR, &(o)->kind, \
	    "ack (default), extend, resolved or not-abusive" }, \
	{ 0, "cause", "TEXT", IR_STR, &(o)->cause, "resolved: what it was" }, \
	{ 0, "prevention", "TEXT", IR_STR, &(o)->prevention, \
	    "resolved: what keeps it from coming back" }, \
	{ 0, "reason", "TEXT", IR_STR, &(o)->reason, \
	    "extend, not-abusive: why" }, \
	{ 0, "until", "TIME", IR_STR, &(o)->until, \
	    "extend: the time asked for (RFC 3339)" }, \
	{ 0, "summary", "ja|pt", IR_STR, &(o)->summary, \
	    "write what the letter says in that language, send nothing" }, \
	{ 0, "template", "FILE", IR_STR, &(o)->template, \
	    "text of the answer, with {{placeholders}}" }, \
	{ 0, "contact", "TEXT", IR_STR, &(o)->contact, \
	    "who answers for this; default: the From address" }, \
	{ 0, "from", "ADDRESS", IR_STR, &(o)->from, \
	    "From; default: the address that got the notice" }, \
	{ 0, "to", "ADDRESS", IR_STR, &(o)->to, \
	    "To; default: Reply-To or From of the notice" }, \
	{ 0, "cc", "ADDRESS", IR_LIST, &(o)->cc, "copy to; several" }, \
	{ 0, "reply-to", "ADDRESS", IR_STR, &(o)->reply_to, "Reply-To" }, \
	{ 0, "next", "SECONDS", IR_SECONDS, &(o)->next, \
	    "when the next word is promised; default 12h" }, \
	{ 0, "date", "TIME", IR_STR, &(o)->date, "Date, as RFC 3339" }, \
	{ 0, "unattended", NULL, IR_BOOL, &(o)->unattended, \
	    "no person looked at it: say Auto-Submitted" }, \
	{ 0, "print", NULL, IR_BOOL, &(o)->print, \
	    "write the mail (or the text for a ticket), send nothing" }, \
	{ 0, "report", "N|CASE", IR_STR, &(o)->report, \
	    "which report of the incident; default: the first" }, \
	{ 0, "again", NULL, IR_BOOL, &(o)->again, \
	    "answer a reminder or final notice, too" }, \
	{ 0, "resend", NULL, IR_BOOL, &(o)->resend, \
	    "unknown outcome, or it came back: once more" }, \
	{ 0, "settle", "sent|relayed|not-sent", IR_STR, &(o)->settle, \
	    "unknown outcome: what a person found out" }, \
	{ 0, "relay", "HOST[:PORT]", IR_STR, &(o)->relay, \
	    "send through this server" }, \
	{ 0, "relay-user", "NAME", IR_STR, &(o)->relay_user, "its login" }, \
	{ 0, "relay-password-file", "FILE", IR_STR, \
	    &(o)->relay_password_file, "its password" }, \
	{ 0, "relay-tls", "WORD", IR_STR, &(o)->relay_tls, \
	    "must (default), wrap, may or none" }, \
	{ 0, "ca-file", "FILE", IR_STR, &(o)->ca_file, \
	    "certificate authorities for it" }, \
	{ 0, "mx", NULL, IR_BOOL, &(o)->mx, \
	    "send straight to the recipient's mail server" }, \
	{ 0, "mx-port", "PORT", IR_INT, &(o)->mx_port, "its port" }, \
	{ 0, "resolver", "HOST[:PORT]", IR_STR, &(o)->resolver, \
	    "name server to ask for it" }, \
	{ 0, "sendmail", "PROGRAM", IR_STR, &(o)->sendmail, \
	    "hand over to this program" }, \
	{ 0, "ses", "REGION", IR_STR, &(o)->ses, \
	    "send by SES there, of an account that is not in the report" }, \
	{ 0, "profile", "NAME", IR_STR, &(o)->aws.profile, \
	    "--ses: profile of the AWS configuration files" }, \
	{ 0, "endpoint-url", "URL", IR_STR, &(o)->aws.endpoint_url, \
	    "--ses: send AWS calls there" }, \
	{ 0, "ticket", NULL, IR_BOOL, &(o)->ticket, \
	    "write the text for a reseller's portal, send nothing" }, \
	{ 0, "posted", "TEXT", IR_STR, &(o)->posted, \
	    "a person has put that text there: who, where, its number" }, \
	{ 0, "bounce", NULL, IR_BOOL, &(o)->bounce, \
	    "read a mail server's notice that our mail came back" }, \
	{ 0, "delivered", NULL, IR_BOOL, &(o)->delivered, \
	    "what a relay took has arrived: --mainlog or --evidence" }, \
	{ 0, "mainlog", "FILE", IR_LIST, &(o)->mainlog, \
	    "log of the relay (Exim, Postfix), oldest first; several" }, \
	{ 0, "evidence", "TEXT", IR_STR, &(o)->evidence, \
	    "a person's word for it: who saw what" }, \
	{ 0, "mx-host", "HOST", IR_STR, &(o)->mx_host, \
	    "--mainlog: a host that takes the recipient's mail" }

struct run {
	const struct ack_opts *o;
	struct ir_rec *report;
	struct ir_courier courier;
	struct ir_secret password;
	char host[256], to[256], from[256], dir[PATH_MAX], key[96];
	char doubt[256];	/* what a person should know before "yes" */
	const char *case_id, *stage;
	size_t number;		/* which report of the incident; 0: another */
	char own[13];		/* --ses: the account of the credentials */
	bool asked, changed, has_dir, in_incident, ticket;
	struct ir_aws *aws;
	struct ir_ack ack;
	struct ir_buf text, msg;
	struct ir_journal *journal;
};

/* --- what was asked for ------------------------------------------------- */

static bool
is_kind(const struct ack_opts *o, const char *kind)
{
	return strcmp(o->kind ? o->kind : "ack", kind) == 0;
}

/* The letter that is built in; NULL: there is no such kind. */
static const char *
letter_of(const struct ack_opts *o)
{
	size_t i;

	for (i = 0; i < sizeof letters / sizeof *letters; i++)
		if (is_kind(o, letters[i].kind))
			return letters[i].text;
	return NULL;
}

static int
tls_word(const char *s, enum ir_smtp_tls *tls)
{
	static const struct { const char *word; enum ir_smtp_tls tls; } t[] = {
		{ "must", IR_SMTP_TLS_MUST }, { "wrap", IR_SMTP_TLS_WRAP },
		{ "may", IR_SMTP_TLS_MAY }, { "none", IR_SMTP_TLS_NONE },
	};
	size_t i;

	for (i = 0; i < sizeof t / sizeof *t; i++)
		if (strcmp(s, t[i].word) == 0) {
			*tls = t[i].tls;
			return 0;
		}
	return -1;
}

/* The answer must not travel through what is being contained. */
static int
refuse_patient(const struct run *r, struct ir_err *err)
{
	if (!r->courier.relay || !ir_courier_is_ses(r->courier.relay))
		return 0;
	if (r->o->change.confirm && !strcmp(r->o->change.confirm, "ses"))
		return 0;
	ir_fail(err, IR_USAGE, "%s: Amazon SES may be paused or watched in "
	    "this incident: the answer must not travel through it",
	    r->courier.relay);
	ir_hint(err, "use another relay, --mx, or --confirm=ses");
	return -1;
}

static int
read_transport(struct run *r, struct ir_err *err)
{
	const struct ack_opts *o = r->o;
	const char *env = getenv("QUELL_ACK_RELAY");
	const char *relay = o->relay ? o->relay : !o->mx && !o->sendmail &&
	    !o->ses && env && *env ? env : NULL;
	const char *tls = o->relay_tls ? o->relay_tls : "must";
	struct ir_courier *c = &r->courier;

	if (!!o->relay + o->mx + !!o->sendmail + !!o->ses > 1)
		ir_die_usage("--relay, --mx, --ses and --sendmail: only one");
	if (!o->ses && (o->aws.profile || o->aws.endpoint_url))
		ir_die_usage("--profile and --endpoint-url are for --ses");
	if (o->ses && !ir_aws_region_ok(o->ses))
		ir_die_usage("--ses: not a region: %s", o->ses);
	if (tls_word(tls, &c->tls))
		ir_die_usage("--relay-tls: not must, wrap, may or none: %s",
		    tls);
	if (!o->relay_user != !o->relay_password_file)
		ir_die_usage("--relay-user and --relay-password-file go "
		    "together");
	if (o->cc.n > IR_COURIER_RCPTS - 1)
		ir_die_usage("--cc: more than %d", IR_COURIER_RCPTS - 1);
	if (o->mx && o->cc.n)
		ir_die_usage("--cc: the recipient's mail server does not "
		    "deliver to others: use --relay");
	c->mx = o->mx;
	c->mx_port = (int)(o->mx_port ? o->mx_port : 25);
	c->resolver = o->resolver;
	c->sendmail = o->sendmail;
	c->ses_region = o->ses;
	c->ses_account = r->own;
	c->ca_file = o->ca_file;
	c->user = o->relay_user;
	c->password = &r->password;
	c->timeout_ms = (int)o->common.timeout * 1000;
	if (!relay && c->user)
		ir_die_usage("--relay-user: there is no --relay");
	if (!relay)
		return 0;
	c->relay = r->host;
	c->port = c->tls == IR_SMTP_TLS_WRAP ? 465 :
	    c->tls == IR_SMTP_TLS_NONE ? 25 : 587;
	return ir_smtp_endpoint(relay, "", r->host, sizeof r->host, &c->port,
	    err) || refuse_patient(r, err) ? -1 : 0;
}

/* What is learned later has options of its own. */
static void
check_later(const struct ack_opts *o, const char *operand)
{
	if (o->bounce + o->delivered + !!o->settle + o->resend + o->ticket +
	    !!o->posted > 1 && !(o->ticket && o->posted && !o->settle &&
	    !o->bounce && !o->delivered && !o->resend))
		ir_die_usage("--bounce, --delivered, --ticket, --settle and "
		    "--resend: only one");
	if (o->delivered && !o->change.incident)
		ir_die_usage("--delivered needs --incident");
	if (o->delivered && !o->mainlog.n == !o->evidence)
		ir_die_usage("--delivered needs --mainlog or --evidence");
	if (!o->delivered && (o->mainlog.n || o->evidence || o->mx_host))
		ir_die_usage("--mainlog, --evidence and --mx-host are for "
		    "--delivered");
	if (o->delivered && operand)
		ir_die_usage("--delivered takes no operand");
	if (o->bounce && (!operand || strcmp(operand, "-") == 0) &&
	    isatty(STDIN_FILENO))
		ir_die_usage("no mail: standard input is a terminal");
	if ((o->bounce || o->delivered) && (o->print || o->summary))
		ir_die_usage("--print and --summary are for a letter");
}

static void
check_usage(const struct ack_opts *o, char **argv, int n)
{
	int64_t t;

	if (n > 1 || (n == 1 && strcmp(argv[1], "-") != 0 && !o->bounce))
		ir_die_usage("takes no operand but -");
	check_later(o, n ? argv[1] : NULL);
	if (!o->bounce && (n || !o->change.incident) && isatty(STDIN_FILENO))
		ir_die_usage("no report: standard input is a terminal");
	if (o->settle && strcmp(o->settle, "sent") != 0 &&
	    strcmp(o->settle, "relayed") != 0 &&
	    strcmp(o->settle, "not-sent") != 0)
		ir_die_usage("--settle: not sent, relayed or not-sent: %s",
		    o->settle);
	if (!letter_of(o))
		ir_die_usage("--kind: not ack, extend, resolved or "
		    "not-abusive: %s", o->kind);
	if (o->report && (n || !o->change.incident))
		ir_die_usage("--report is one of those that --incident has");
	if (o->again && !is_kind(o, "ack"))
		ir_die_usage("--again is for --kind=ack");
	if (o->summary && strcmp(o->summary, "ja") != 0 &&
	    strcmp(o->summary, "pt") != 0)
		ir_die_usage("--summary: not ja or pt: %s", o->summary);
	if (o->until && ir_time_parse(o->until, &t))
		ir_die_usage("--until: not RFC 3339: %s", o->until);
	if (o->mx_port > 65535 || o->common.timeout > 86400)
		ir_die_usage("a number is too large");
}

/* --- the report --------------------------------------------------------- */

/* Is the report of a case that the incident knows? */
static int
check_key(const struct run *r, struct ir_err *err)
{
	struct ir_rec *known = ir_incident_known(r->dir, err);
	const struct ir_rec *keys = known ? ir_rec_at(known, "keys") : NULL;
	bool found = false;
	size_t i;

	for (i = 0; i < ir_rec_len(keys) && !found; i++)
		found = strcmp(ir_rec_cstr(ir_rec_item(keys, i)),
		    r->key) == 0;
	if (known && !found)
		ir_fail(err, IR_CONFIG,
		    "the report is of another case than %s", r->dir);
	ir_rec_free(known);
	return found ? 0 : -1;
}

static int
read_report(struct run *r, bool from_stdin, struct ir_err *err)
{
	const char *dir = r->o->change.incident;

	if (dir && strlen(dir) >= sizeof r->dir)
		return ir_fail(err, IR_NOINPUT, "--incident: too long");
	if (dir) {
		snprintf(r->dir, sizeof r->dir, "%s", dir);
		r->has_dir = r->in_incident = true;
	}
	r->report = !dir || from_stdin ? ir_report_read(err) :
	    ir_incident_report_of(dir, r->o->report, &r->number, err);
	if (!r->report || ir_incident_key(r->report, r->key, err))
		return -1;
	return dir ? check_key(r, err) : 0;
}

/* "Name <address>" or "address" -> address; 0, or -1. */
static int
bare_address(const char *s, char *out, size_t size)
{
	const char *open = s ? strrchr(s, '<') : NULL, *shut;

	if (!s)
		return -1;
	shut = open ? strchr(open, '>') : s + strlen(s);
	if (open)
		s = open + 1;
	if (!shut || (size_t)(shut - s) >= size)
		return -1;
	snprintf(out, size, "%.*s", (int)(shut - s), s);
	return ir_mail_address_ok(out) ? 0 : -1;
}

static bool
confirmed(const struct run *r, const char *name)
{
	return r->o->change.confirm && name &&
	    strcmp(r->o->change.confirm, name) == 0;
}

/* A hint will be pasted: nothing that a shell would take for a command. */
static bool
plain(const char *s)
{
	return !s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+=:-")];
}

static int
find_addresses(struct run *r, struct ir_err *err)
{
	const char *to = r->o->to, *from = r->o->from;

	if (!to)
		to = ir_report_str(r->report, "reply_to");
	if (!to)
		to = ir_report_str(r->report, "sender");
	if (bare_address(to, r->to, sizeof r->to))
		return ir_fail(err, IR_DATAERR,
		    "no address to answer to: %.100s", to ? to : "none");
	if (!ir_sender_aws(r->to) && !(r->o->to && confirmed(r, r->to))) {
		ir_fail(err, IR_NOPERM, "%s is not an address of AWS", r->to);
		if (plain(r->to))
			ir_hint(err, "if it is right: --to=%s --confirm=%s",
			    r->to, r->to);
		return -1;
	}
	if (!from)
		from = ir_report_str(r->report, "to");
	if (bare_address(from, r->from, sizeof r->from)) {
		ir_fail(err, IR_USAGE, "no address to answer from");
		ir_hint(err, "--from: the address that the notice went to");
		return -1;
	}
	return 0;
}

static void
doubt(struct run *r, const char *what)
{
	size_t n = strlen(r->doubt);

	snprintf(r->doubt + n, sizeof r->doubt - n, "%s%s", n ? ", " : "",
	    what);
}

static int
judge(struct run *r, struct ir_err *err)
{
	const char *auth = ir_report_str(r->report, "authentic");
	const char *name = r->case_id ? r->case_id :
	    ir_rec_get(r->report, "id");

	if (auth && strcmp(auth, "fail") == 0 && !confirmed(r, name)) {
		ir_fail(err, IR_NOPERM, "the notice is forged");
		if (name && plain(name))
			ir_hint(err, "if you know better: --confirm=%s",
			    name);
		return -1;
	}
	if (!auth || strcmp(auth, "pass") != 0)
		doubt(r, "nobody has verified that it is from AWS");
	if (ir_rec_len(ir_rec_at(r->report, "conflicts")) ||
	    ir_rec_get_bool(r->report, "conflict", false) ||
	    ir_rec_len(ir_rec_at(r->report, "accounts")) > 1) {
		if (!confirmed(r, name) && !r->o->print && !r->o->summary) {
			ir_fail(err, IR_DATAERR, "its facts contradict each "
			    "other: nothing is sent");
			if (name && plain(name))
				ir_hint(err, "look at conflicts; if you know "
				    "better: --confirm=%s", name);
			return -1;
		}
		doubt(r, "its facts contradict each other");
	}
	if (!r->case_id)
		doubt(r, "it has no case id");
	if (!ir_report_str(r->report, "account"))
		doubt(r, "it names no account");
	return 0;
}

/* The key of the acknowledgement, and what the journal knows of it. */
static int
locate(struct run *r, struct ir_err *err)
{
	char root[PATH_MAX], notice[65] = "";
	const char *parts[] = { r->key, r->o->again ? "again" :
	    r->o->kind ? r->o->kind : "ack", r->ticket ? "ticket" : r->to,
	    notice };
	int rc;

	if (r->o->again && (!r->stage || (strcmp(r->stage, "reminder") != 0 &&
	    strcmp(r->stage, "final") != 0)))
		return ir_fail(err, IR_USAGE,
		    "--again is for a reminder or a final notice");
	if (r->o->again)
		ir_report_notice(r->report, notice);
	else if (is_kind(r->o, "extend") && r->o->until)
		parts[3] = r->o->until;	/* a later time is asked for anew */
	ir_ack_key(parts, sizeof parts / sizeof *parts, r->ack.key);
	if (!r->has_dir) {
		if (ir_incident_root(root, sizeof root, err))
			return -1;
		rc = ir_incident_find(root, r->key, r->dir, err);
		if (rc < 0)
			return -1;
		r->has_dir = rc == 1;
	}
	return r->has_dir ? ir_ack_load(r->dir, &r->ack, err) : 0;
}

/* --- the message -------------------------------------------------------- */

static bool
is_word(const char *s, const char *word)
{
	return s && strcmp(s, word) == 0;
}

static void
resource_list(const struct ir_rec *report, struct ir_buf *out)
{
	const struct ir_rec *list = ir_rec_at(report, "resources"), *item;
	const char *s;
	size_t i;

	for (i = 0; i < ir_rec_len(list) && i < 50; i++) {
		item = ir_rec_item(list, i);
		s = ir_rec_cstr(item);
		if (!s)
			s = ir_report_str(item, "id");
		if (s)
			ir_buf_fmt(out, "%s%s", out->len ? ", " : "", s);
	}
}

static char *
readable(int64_t t, char buf[IR_TIME_LEN])
{
	ir_time_rfc3339(t, buf);
	buf[10] = ' ';
	snprintf(buf + 16, IR_TIME_LEN - 16, " UTC");
	return buf;
}

/* What the journal says was done, each with where it stands there. */
static void
action_list(const struct ir_case *c, struct ir_buf *out)
{
	const struct ir_rec *row;
	const char *what, *after, *time, *ref, *command;
	char when[IR_TIME_LEN];
	int64_t t;
	size_t i;

	for (i = 0; i < ir_rec_len(c->actions) && i < 40; i++) {
		row = ir_rec_item(c->actions, i);
		command = ir_rec_get(row, "command");
		what = ir_rec_get(row, "what");
		after = ir_rec_get(row, "after");
		time = ir_rec_get(row, "time");
		ref = ir_rec_get(row, "ref");
		/* only what was done, and is so still */
		if (!is_word(ir_rec_get(row, "state"), "done") &&
		    !is_word(ir_rec_get(row, "state"), "in force"))
			continue;
		if (!command || strcmp(command, "abuse-ack") == 0 || !time ||
		    ir_time_parse(time, &t))
			continue;
		ir_buf_fmt(out, "\n- %s: %.300s%s%.200s [journal line %s]",
		    readable(t, when), what ? what : command,
		    after && *after ? ": " : "", after ? after : "",
		    ref ? ref : "?");
	}
}

/* The state, once there is one that AWS wants to hear of. */
static void
state_now(const struct ir_case *c, struct ir_buf *out)
{
	static const char *const words[] = { "closed", "recovered",
	    "eradicated", "contained" };
	const char *time;
	char when[IR_TIME_LEN];
	int64_t t;
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++) {
		time = ir_rec_get(c->incident, words[i]);
		if (time && ir_time_parse(time, &t) == 0) {
			ir_buf_fmt(out, "%s since %s", words[i],
			    readable(t, when));
			return;
		}
	}
}

/* The journal's part of the letter; none of it when there is no incident. */
static int
read_case(struct run *r, struct ir_buf *actions, struct ir_buf *state,
    struct ir_err *err)
{
	struct ir_case c;
	int rc;

	if (!r->has_dir || (is_kind(r->o, "ack") && !r->o->template &&
	    !r->o->summary))
		return 0;
	rc = ir_case_read(&c, r->dir, r->ack.date, err);
	if (rc == 0) {
		action_list(&c, actions);
		state_now(&c, state);
	}
	ir_case_free(&c);
	return rc;
}

/* The text: of --template, the team's of this kind, or the one built in. */
static int
read_template(const struct ack_opts *o, struct ir_buf *file, const char **text,
    struct ir_err *err)
{
	const char *dir = getenv("QUELL_LETTERS"), *path = o->template;
	char own[PATH_MAX];

	*text = letter_of(o);
	if (o->summary) {
		*text = *o->summary == 'j' ? summary_ja : summary_pt;
		return 0;
	}
	snprintf(own, sizeof own, "%.4000s/%s.txt", dir && *dir ? dir :
	    "/etc/quell/letters", o->kind ? o->kind : "ack");
	if (!path && access(own, F_OK) == 0)
		path = own;
	if (!path)
		return 0;
	if (ir_buf_read_file(file, path, err))
		return -1;
	if (memchr(ir_buf_cstr(file), '\0', file->len))
		return ir_fail(err, IR_CONFIG, "the letter is not a text");
	*text = ir_buf_cstr(file);
	return 0;
}

/* When the next word is promised: never later than the deadline. */
static void
find_times(const struct run *r, char due[IR_TIME_LEN], char next[IR_TIME_LEN],
    char until[IR_TIME_LEN])
{
	const struct ack_opts *o = r->o;
	const char *s = ir_report_str(r->report, "due");
	int64_t t, when = r->ack.date + (o->next ? o->next : 12 * 3600);

	due[0] = until[0] = '\0';
	if (s && ir_time_parse(s, &t) == 0) {
		readable(t, due);
		if (t > r->ack.date && t < when)
			when = t;
	}
	if (o->until && ir_time_parse(o->until, &t) == 0)
		readable(t, until);
	readable(when, next);
}

static int
write_letter(struct run *r, struct ir_err *err)
{
	const struct ack_opts *o = r->o;
	struct ir_buf file = IR_BUF(IR_LETTER_MAX), res = IR_BUF(8192);
	struct ir_buf done = IR_BUF(65536), state = IR_BUF(256);
	char due[IR_TIME_LEN], next[IR_TIME_LEN], until[IR_TIME_LEN];
	const char *text;
	int rc = -1;

	find_times(r, due, next, until);
	resource_list(r->report, &res);
	if (read_template(o, &file, &text, err) ||
	    read_case(r, &done, &state, err))
		goto out;
	const struct ir_letter_value v[] = {
		{ "case", r->case_id, false },
		{ "account", ir_report_str(r->report, "account"), false },
		{ "region", ir_report_str(r->report, "region"), false },
		{ "contact", o->contact ? o->contact : r->from, false },
		{ "resources", ir_buf_cstr(&res), false },
		{ "activity", ir_report_str(r->report, "activity"), false },
		{ "due", due, false }, { "next", next, false },
		{ "kind", o->kind ? o->kind : "ack", false },
		{ "cause", o->cause, false }, { "reason", o->reason, false },
		{ "prevention", o->prevention, false },
		{ "until", until, false },
		{ "state", ir_buf_cstr(&state), false },
		{ "actions", ir_buf_cstr(&done), true },
	};
	rc = ir_letter_fill(text, strlen(text), v, sizeof v / sizeof *v,
	    &r->text, err);
out:
	ir_buf_free(&file);
	ir_buf_free(&res);
	ir_buf_free(&done);
	ir_buf_free(&state);
	return rc;
}

/* References: those of the notice, then the notice itself. */
static size_t
references(const struct run *r, const char *notice,
    const char *refs[MAX_REFERENCES])
{
	const struct ir_rec *list = ir_rec_at(r->report, "references");
	size_t i, n = 0;
	const char *s;

	for (i = 0; i < ir_rec_len(list) && n < MAX_REFERENCES - 2; i++) {
		s = ir_rec_cstr(ir_rec_item(list, i));
		if (s && ir_mail_id_ok(s) && (!notice || strcmp(s, notice)))
			refs[n++] = s;
	}
	if (notice)
		refs[n++] = notice;
	/* SES puts a Message-ID of its own in place of ours */
	if (r->o->ses || (r->courier.relay &&
	    ir_courier_is_ses(r->courier.relay)))
		refs[n++] = r->ack.message_id;
	return n;
}

static int
compose(struct run *r, struct ir_err *err)
{
	const char *refs[MAX_REFERENCES], *subject, *domain;
	const char *notice = ir_report_str(r->report, "message_id");
	struct ir_buf re = IR_BUF(65536);
	int rc;

	if (notice && !ir_mail_id_ok(notice))
		notice = NULL;	/* a thread is not worth an answer */
	subject = ir_report_str(r->report, "subject");
	if (subject)
		ir_mail_reply_subject(subject, &re);
	else
		ir_buf_fmt(&re, "Re: AWS abuse report [%s]",
		    r->case_id ? r->case_id : "no case id");
	domain = strrchr(r->from, '@');
	snprintf(r->ack.message_id, sizeof r->ack.message_id, "<ack.%s%s>",
	    r->ack.key, domain);
	struct ir_mail m = { .from = r->from, .to = r->to,
	    .reply_to = r->o->reply_to, .cc = r->o->cc.v, .ncc = r->o->cc.n,
	    .subject = ir_buf_cstr(&re), .date = r->ack.date,
	    .message_id = r->ack.message_id, .in_reply_to = notice,
	    .references = refs, .nreferences = references(r, notice, refs),
	    .unattended = r->o->unattended, .body = ir_buf_cstr(&r->text) };
	rc = ir_mail_compose(&m, &r->msg, err);
	ir_buf_free(&re);
	return rc;
}

/* The date stays the same as long as the same message is tried. */
static int
set_date(struct run *r, struct ir_err *err)
{
	if (!r->o->date) {
		if (!r->ack.date)
			r->ack.date = ir_now();
		return 0;
	}
	if (ir_time_parse(r->o->date, &r->ack.date))
		return ir_fail(err, IR_USAGE, "--date: not RFC 3339: %s",
		    r->o->date);
	return 0;
}

/* The bytes, of the same report and date always the same. */
static int
draft(struct run *r, struct ir_err *err)
{
	ir_buf_trunc(&r->text, 0);
	ir_buf_trunc(&r->msg, 0);
	return write_letter(r, err) || compose(r, err) ? -1 : 0;
}

/* --- a portal instead of a mail ------------------------------------------ */

/* The provider's own portal is its ear; a reseller's is not. */
static bool
of_reseller(const struct run *r)
{
	const char *channel = ir_report_str(r->report, "channel");

	return !channel || is_word(channel, "mail") ||
	    is_word(channel, "email");
}

/* What to paste: which notice it is about, for who has several, the letter. */
static int
write_ticket(struct run *r, struct ir_err *err)
{
	const char *subject = ir_report_str(r->report, "subject");
	const char *id = ir_report_str(r->report, "message_id");

	(void)bare_address(r->o->from ? r->o->from : ir_report_str(r->report,
	    "to"), r->from, sizeof r->from);	/* the contact, if it is one */
	ir_buf_trunc(&r->text, 0);
	ir_buf_trunc(&r->msg, 0);
	if (set_date(r, err) || write_letter(r, err))
		return -1;
	if (of_reseller(r)) {
		ir_buf_str(&r->msg, "Please forward this as our answer to the "
		    "notice, by a reply that keeps its subject.\n");
		if (subject)
			ir_buf_fmt(&r->msg, "Subject: %.2000s\n", subject);
		if (id && ir_mail_id_ok(id))
			ir_buf_fmt(&r->msg, "Message-ID: %s\n", id);
		ir_buf_str(&r->msg, "\n");
	}
	ir_buf_add(&r->msg, r->text.data, r->text.len);
	return ir_buf_check(&r->msg, "the text", err);
}

/* --- sending ------------------------------------------------------------ */

static int
ask(struct run *r, struct ir_err *err)
{
	if (r->asked)
		return 0;
	r->asked = true;
	if (r->ticket)
		return ir_confirm(&r->o->change, 1, err, "write down that the "
		    "answer of %s was posted%s%s%s?", r->case_id ? r->case_id :
		    "this report", r->doubt[0] ? " (" : "", r->doubt,
		    r->doubt[0] ? ")" : "");
	return ir_confirm(&r->o->change, 1, err, "%s the acknowledgement of "
	    "%s to %s%s%s%s?", r->o->settle ? "settle" : "send",
	    r->case_id ? r->case_id : "this report", r->to,
	    r->doubt[0] ? " (" : "", r->doubt, r->doubt[0] ? ")" : "");
}

static int
before(void *arg, const char *transport, struct ir_err *err)
{
	struct run *r = arg;

	r->ack.reply[0] = r->ack.accepted_by[0] = r->ack.how[0] = '\0';
	r->ack.remote_id[0] = '\0';
	r->ack.temporary = false;
	snprintf(r->ack.transport, sizeof r->ack.transport, "%s", transport);
	return ir_ack_step(r->journal, &r->ack, IR_ACK_SENDING, NULL, err);
}

/* Only the recipient's own server is the other side. */
static enum ir_ack_state
taken(const struct ir_courier *c)
{
	return c->mx ? IR_ACK_SENT : c->sendmail ? IR_ACK_HANDED_OVER :
	    IR_ACK_RELAYED;
}

static int
send_it(struct run *r, struct ir_err *err)
{
	struct ir_message m = { .from = r->from, .to = { r->to }, .nto = 1,
	    .bytes = ir_buf_cstr(&r->msg), .n = r->msg.len };
	struct ir_courier_result res;
	struct ir_err late = IR_ERR_INIT;
	enum ir_ack_state end;
	size_t i;
	int rc;

	for (i = 0; i < r->o->cc.n && m.nto < IR_COURIER_RCPTS; i++)
		m.to[m.nto++] = r->o->cc.v[i];
	rc = ir_courier_send(&r->courier, &m, before, r, &res, err);
	snprintf(r->ack.transport, sizeof r->ack.transport, "%s",
	    res.transport);
	snprintf(r->ack.reply, sizeof r->ack.reply, "%s", res.reply);
	snprintf(r->ack.remote_id, sizeof r->ack.remote_id, "%s",
	    res.remote_id);
	r->ack.temporary = rc && err->code == IR_TEMPFAIL;
	r->changed = rc == 0;
	if (rc == 0)
		snprintf(r->ack.accepted_by, sizeof r->ack.accepted_by, "%s",
		    ir_courier_word(&r->courier));
	end = rc == 0 ? taken(&r->courier) : err->code == IR_UNKNOWN ?
	    IR_ACK_UNKNOWN : IR_ACK_FAILED;
	if (res.refused)
		ir_warn(&r->o->common, "%zu copies were refused", res.refused);
	if (ir_ack_step(r->journal, &r->ack, end, NULL, &late) && rc == 0) {
		r->ack.state = end;	/* true, though not on disk */
		*err = late;
		ir_hint(err, "it was sent: make room, then --settle=%s",
		    end == IR_ACK_SENT ? "sent" : "relayed");
		return -1;
	}
	return rc;
}

static int
unknown(const struct run *r, struct ir_err *err)
{
	char when[IR_TIME_LEN];

	ir_fail(err, IR_UNKNOWN, "%s may have been sent at %s by %s, and the "
	    "answer was lost; it is %s/%s", r->ack.message_id,
	    ir_time_rfc3339(r->ack.when, when), r->ack.transport, r->dir,
	    r->ack.file);
	ir_hint(err, "look for the Message-ID in that server's log, then "
	    "--settle=sent, relayed or not-sent; or --resend");
	return -1;
}

static int
settle(struct run *r, struct ir_err *err)
{
	if (ask(r, err))
		return -1;
	r->changed = true;
	return ir_ack_step(r->journal, &r->ack, is_word(r->o->settle, "sent") ?
	    IR_ACK_SENT : is_word(r->o->settle, "relayed") ? IR_ACK_RELAYED :
	    IR_ACK_FAILED, r->o->settle, err);
}

static void
copies(struct run *r)
{
	struct ir_buf b = IR_BUF(sizeof r->ack.cc - 1);
	size_t i;

	for (i = 0; i < r->o->cc.n && i < IR_COURIER_RCPTS - 1; i++)
		ir_buf_fmt(&b, "%s%s", i ? ", " : "", r->o->cc.v[i]);
	snprintf(r->ack.cc, sizeof r->ack.cc, "%s", ir_buf_cstr(&b));
	ir_buf_free(&b);
}

/* Have the bytes on disk: those that are there, if they are the same. */
static int
prepare(struct run *r, const char *stored, struct ir_err *err)
{
	ir_sha256_hex(ir_buf_cstr(&r->msg), r->msg.len, r->ack.sha256);
	if (strcmp(r->ack.sha256, stored) == 0) {
		ir_buf_trunc(&r->msg, 0);
		return ir_ack_bytes(r->dir, &r->ack, &r->msg, err);
	}
	snprintf(r->ack.to, sizeof r->ack.to, "%s", r->to);
	copies(r);
	return ir_ack_prepare(r->journal, &r->ack, ir_buf_cstr(&r->msg),
	    r->msg.len, err);
}

/* A person has put it there: the text and their word are kept. */
static int
posted(struct run *r, struct ir_err *err)
{
	char stored[65];

	if (ir_ack_arrived(&r->ack) || ir_ack_waits(&r->ack))
		return 0;
	snprintf(stored, sizeof stored, "%s", r->ack.sha256);
	r->ack.message_id[0] = '\0';
	if (prepare(r, stored, err))
		return -1;
	snprintf(r->ack.how, sizeof r->ack.how, "%.500s", r->o->posted);
	ir_text_printable(r->ack.how);
	snprintf(r->ack.accepted_by, sizeof r->ack.accepted_by, "%s",
	    of_reseller(r) ? "reseller" : "provider");
	if (ir_ack_step(r->journal, &r->ack, of_reseller(r) ?
	    IR_ACK_RELAYED : IR_ACK_POSTED, NULL, err))
		return -1;
	r->changed = true;
	return 0;
}

static int
has_way(const struct run *r, struct ir_err *err)
{
	if (r->o->mx || r->o->sendmail || r->o->ses || r->courier.relay)
		return 0;
	ir_fail(err, IR_USAGE, "no way to send it");
	ir_hint(err, "--relay, --mx, --ses or --sendmail; or "
	    "$QUELL_ACK_RELAY");
	return -1;
}

/* Is the account any of those that the report may be about? */
static bool
in_report(const struct ir_rec *report, const char *account)
{
	const struct ir_rec *list = ir_rec_at(report, "accounts"), *values;
	const char *one = ir_report_str(report, "account");
	size_t i, k;

	for (i = 0; one; one = ir_rec_cstr(ir_rec_item(list, i++)))
		if (strcmp(one, account) == 0)
			return true;
	/* of several that contradict each other, and in an ARN */
	list = ir_rec_at(report, "conflicts");
	for (i = 0; i < ir_rec_len(list); i++) {
		values = ir_rec_at(ir_rec_item(list, i), "values");
		for (k = 0; k < ir_rec_len(values); k++)
			if (is_word(ir_rec_get(ir_rec_item(values, k),
			    "value"), account))
				return true;
	}
	list = ir_rec_at(report, "resources");
	for (i = 0; i < ir_rec_len(list); i++) {
		one = ir_report_str(ir_rec_item(list, i), "id");
		if (one && strstr(one, account))
			return true;
	}
	return false;
}

/* Whose account would send?  Not one that the report is about. */
static int
open_ses(struct run *r, struct ir_err *err)
{
	struct ir_aws_opts aws = r->o->aws;

	if (!r->o->ses || r->courier.ses)
		return 0;
	aws.region = r->o->ses;
	if (ir_aws_open(&r->aws, &aws, ir_ask_tty, err))
		return -1;
	ir_aws_follow(r->aws, &r->o->common);
	if (ir_aws_account(r->aws, r->own, NULL, err))
		return -1;
	if (in_report(r->report, r->own))
		return ir_fail(err, IR_USAGE, "%s is the account in the "
		    "report: the answer must not travel through it", r->own);
	if (!ir_report_str(r->report, "account") && !confirmed(r, r->own)) {
		ir_fail(err, IR_USAGE, "the report names no one account: it "
		    "may be %s, which would send", r->own);
		ir_hint(err, "if it is another: --confirm=%s", r->own);
		return -1;
	}
	r->courier.ses = r->aws;
	return 0;
}

/* It came back: nothing is sent again before somebody has looked. */
static int
came_back(const struct run *r, struct ir_err *err)
{
	ir_fail(err, IR_UNAVAILABLE, "the answer came back: %s", r->ack.how);
	ir_hint(err, "mend what is wrong, then --resend; or another address: "
	    "--to");
	return -1;
}

/* The lock is held and the journal was read: what is to be done? */
static int
proceed(struct run *r, struct ir_err *err)
{
	char stored[65];
	enum ir_ack_state was = r->ack.state;

	if (r->ticket)
		return posted(r, err);
	if (was == IR_ACK_SENDING) {	/* and who sent is gone */
		if (ir_ack_step(r->journal, &r->ack, IR_ACK_UNKNOWN, NULL,
		    err))
			return -1;
		was = IR_ACK_UNKNOWN;
	}
	if (r->o->settle && (was == IR_ACK_UNKNOWN || ir_ack_waits(&r->ack)))
		return settle(r, err);
	if (ir_ack_arrived(&r->ack) || ir_ack_waits(&r->ack))
		return 0;
	if (was == IR_ACK_UNKNOWN && !r->o->resend)
		return unknown(r, err);
	if (was == IR_ACK_BOUNCED && !r->o->resend && !r->o->settle)
		return came_back(r, err);
	if (r->o->settle || (r->o->resend && was != IR_ACK_UNKNOWN &&
	    was != IR_ACK_BOUNCED))
		return ir_fail(err, IR_USAGE, "nothing is unknown: it is %s",
		    ir_ack_word(&r->ack));
	if (has_way(r, err) || ask(r, err) || open_ses(r, err))
		return -1;
	snprintf(stored, sizeof stored, "%s", r->ack.sha256);
	if (was == IR_ACK_UNKNOWN) {
		ir_buf_trunc(&r->msg, 0);
		if (ir_ack_bytes(r->dir, &r->ack, &r->msg, err))
			return -1;
	} else if (prepare(r, stored, err)) {
		return -1;
	}
	return send_it(r, err);
}

static bool
settled(const struct run *r)
{
	return ir_ack_arrived(&r->ack) || ir_ack_waits(&r->ack) ||
	    r->ack.state == IR_ACK_SENDING || r->ack.state == IR_ACK_UNKNOWN ||
	    r->ack.state == IR_ACK_BOUNCED;
}

/* Would a real run send it, or settle it? */
static bool
would_change(const struct run *r)
{
	bool unknown_ = r->ack.state == IR_ACK_UNKNOWN ||
	    r->ack.state == IR_ACK_SENDING;

	if (r->o->settle)
		return unknown_ || ir_ack_waits(&r->ack);
	return r->o->resend ? unknown_ || r->ack.state == IR_ACK_BOUNCED :
	    !settled(r);
}

/* What is derived follows; that it could not is no failure of the rest. */
static void
refresh(const struct run *r)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_view_write(r->dir, ir_now(), &err))
		ir_warn(&r->o->common, "%s", err.msg);
}

static int
act(struct run *r, struct ir_err *err)
{
	const struct ack_opts *o = r->o;
	struct ir_incident_new new = { .from = "abuse-ack", .now = ir_now() };
	struct ir_ack fresh = { 0 };
	long wait = o->common.timeout ? o->common.timeout : 360;
	int lock, rc;

	if (r->ticket ? ask(r, err) : !o->settle && would_change(r) &&
	    (has_way(r, err) || ask(r, err) || open_ses(r, err)))
		return -1;
	if (o->relay_password_file && ir_secret_read_file(&r->password,
	    o->relay_password_file, err))
		return -1;
	if (!r->in_incident && ir_incident_open(&new, r->report, r->dir,
	    err) < 0)
		return -1;
	r->has_dir = true;
	if (ir_journal_open(&r->journal, r->dir, "abuse-ack", err))
		return -1;
	lock = ir_ack_lock(r->journal, wait * 1000, err);
	if (lock < 0)
		return -1;
	/* what another run has done while this one waited */
	memcpy(fresh.key, r->ack.key, sizeof fresh.key);
	rc = ir_ack_load(r->dir, &fresh, err);
	if (rc == 0 && fresh.state != IR_ACK_NONE) {
		if (fresh.date != r->ack.date && !o->date) {
			r->ack.date = fresh.date;	/* as on disk */
			rc = r->ticket ? write_ticket(r, err) : draft(r, err);
		}
		fresh.date = r->ack.date;
		r->ack = fresh;
	}
	if (rc == 0)
		rc = proceed(r, err);
	close(lock);
	refresh(r);
	return rc;
}

/* --- the answer --------------------------------------------------------- */

/* "sent" and "delivered" alone stop the clock. */
static void
say_waits(struct run *r)
{
	if (!ir_ack_waits(&r->ack))
		return;
	doubt(r, strcmp(r->ack.accepted_by, "reseller") == 0 ?
	    "it is with the reseller, not yet known to be with AWS" :
	    "it is on its way, not yet known to be with AWS");
	doubt(r, "the clock runs until --delivered");
}

static void
put_taken(struct ir_rec *rec, const struct ir_ack *a)
{
	if (a->accepted_by[0])
		ir_rec_str(rec, "accepted_by", a->accepted_by);
	if (a->remote_id[0])
		ir_rec_str(rec, "remote_id", a->remote_id);
	if (a->transport[0])
		ir_rec_str(rec, "transport", a->transport);
	if (a->reply[0])
		ir_rec_str(rec, "reply", a->reply);
	if (a->how[0])
		ir_rec_str(rec, "how", a->how);
	if (a->when && (ir_ack_arrived(a) || ir_ack_waits(a)))
		ir_rec_time(rec, ir_ack_waits(a) ? "taken_at" : "sent_at",
		    a->when);
}

static void
put(struct run *r, struct ir_out *out, const struct ir_err *err)
{
	bool dry = r->o->change.dry_run;
	struct ir_rec *rec = ir_rec_new("ack", r->case_id ? r->case_id :
	    ir_rec_get(r->report, "id"));
	char hash[65];

	if (r->case_id)
		ir_rec_str(rec, "case", r->case_id);
	if (r->has_dir)
		ir_rec_str(rec, "incident", r->dir);
	if (r->number)
		ir_rec_int(rec, "report", (int64_t)r->number);
	if (r->stage)
		ir_rec_str(rec, "stage", r->stage);
	ir_rec_str(rec, "state", ir_ack_word(&r->ack));
	if (r->msg.len) {
		ir_sha256_hex(ir_buf_cstr(&r->msg), r->msg.len, hash);
		if (!r->ticket) {
			ir_rec_str(rec, "to", r->to);
			ir_rec_str(rec, "mail_from", r->from);
			ir_rec_str(rec, "message_id", r->ack.message_id);
		}
		ir_rec_str(rec, "sha256", hash);
		ir_rec_int(rec, "bytes", (int64_t)r->msg.len);
	}
	put_taken(rec, &r->ack);
	ir_rec_bool(rec, "changed", r->changed);
	if (dry)
		ir_rec_bool(rec, "dry_run", true);
	else
		ir_rec_bool(rec, "ok", err->code == 0);
	say_waits(r);
	if (err->code)
		ir_rec_str(rec, "why", err->msg);
	else if (r->doubt[0])
		ir_rec_str(rec, "why", r->doubt);
	ir_out_put(out, rec);
}

/* By mail, or is there nothing to mail?  1 go on, 0 done, -1. */
static int
by_mail(struct run *r, struct ir_out *out, struct ir_err *err)
{
	const char *channel = ir_report_str(r->report, "channel");

	if (is_word(r->stage, "resolved")) {
		doubt(r, "the case is resolved: there is nothing to answer");
		put(r, out, err);
		return 0;
	}
	r->ticket = r->o->ticket || r->o->posted || is_word(channel, "ticket");
	if (r->ticket || !channel || is_word(channel, "mail") ||
	    is_word(channel, "email"))
		return 1;
	if (write_ticket(r, err))
		return -1;
	if (r->o->print)
		fwrite(r->text.data, 1, r->text.len, stdout);
	ir_fail(err, IR_UNAVAILABLE, "AWS does not read mail about this: the "
	    "channel is %s", channel);
	ir_hint(err, "answer in Support Center%s; then --posted", r->o->print ?
	    "" : ", --print writes the text for it");
	return -1;
}

/* Everything up to the bytes of the message: nothing is written. */
static int
plan(struct run *r, struct ir_err *err)
{
	if (r->ticket)
		return judge(r, err) || locate(r, err) ||
		    write_ticket(r, err) ? -1 : 0;
	return find_addresses(r, err) || judge(r, err) || locate(r, err) ||
	    set_date(r, err) || draft(r, err) ? -1 : 0;
}

/* What a real run would meet. */
static void
dry_run(struct run *r, struct ir_out *out, struct ir_err *err)
{
	if (!r->ticket && (r->ack.state == IR_ACK_SENDING ||
	    r->ack.state == IR_ACK_UNKNOWN) && !r->o->resend && !r->o->settle)
		unknown(r, err);
	else if (r->ack.state == IR_ACK_BOUNCED && !r->o->resend &&
	    !r->o->settle)
		came_back(r, err);
	else if (would_change(r))
		open_ses(r, err);
	r->changed = !err->code && would_change(r);
	put(r, out, err);
}

static void
answer(struct run *r, bool from_stdin, struct ir_out *out, struct ir_err *err)
{
	bool text;
	int rc;

	if (read_transport(r, err) || read_report(r, from_stdin, err))
		return;
	r->case_id = ir_report_str(r->report, "case");
	r->stage = ir_report_str(r->report, "stage");
	if (by_mail(r, out, err) <= 0 || plan(r, err))
		return;
	if (r->o->summary) {
		fwrite(r->text.data, 1, r->text.len, stdout);
		return;
	}
	text = r->o->print || (r->ticket && !r->o->posted);
	if (text) {
		fwrite(r->msg.data, 1, r->msg.len, stdout);
		if (r->ticket)
			ir_warn(&r->o->common, "nothing was sent: paste it, "
			    "then tell --posted 'who, where, number'");
		return;
	}
	if (r->o->change.dry_run) {
		dry_run(r, out, err);
		return;
	}
	if (r->doubt[0])
		ir_warn(&r->o->common, "%s", r->doubt);
	rc = act(r, err);
	if (rc == 0 || r->journal)
		put(r, out, err);
	if (rc == 0 && ir_ack_waits(&r->ack))
		ir_warn(&r->o->common, "not yet known to be with AWS: the "
		    "clock runs until --delivered tells otherwise");
}

/* --- what became of it ---------------------------------------------------- */

/* One that the journal knows, without its report. */
static void
put_known(struct run *r, struct ir_out *out, bool ok, const char *why)
{
	const char *slash = strrchr(r->dir, '/');
	struct ir_rec *rec = ir_rec_new("ack", slash && slash[1] ? slash + 1 :
	    r->dir);

	ir_rec_str(rec, "incident", r->dir);
	ir_rec_str(rec, "state", ir_ack_word(&r->ack));
	if (r->ack.to[0])
		ir_rec_str(rec, "to", r->ack.to);
	if (r->ack.message_id[0])
		ir_rec_str(rec, "message_id", r->ack.message_id);
	put_taken(rec, &r->ack);
	ir_rec_bool(rec, "changed", r->changed);
	if (r->o->change.dry_run)
		ir_rec_bool(rec, "dry_run", true);
	else
		ir_rec_bool(rec, "ok", ok);
	if (why)
		ir_rec_str(rec, "why", why);
	ir_out_put(out, rec);
}

struct search {
	const struct ir_dsn *dsn;
	struct run *r;
	struct ir_err err;	/* of incidents that cannot be read */
};

static int
search_one(const char *dir, void *arg)
{
	struct search *s = arg;
	struct ir_err err = IR_ERR_INIT;
	int rc = ir_receipt_find(dir, s->dsn, &s->r->ack, &err);

	if (rc < 0)
		s->err = err;
	if (rc <= 0 || strlen(dir) >= sizeof s->r->dir)
		return 0;
	snprintf(s->r->dir, sizeof s->r->dir, "%s", dir);
	return 1;
}

/* Whose mail came back?  An incident that cannot be read may be the one. */
static int
search(struct run *r, const struct ir_dsn *d, struct ir_err *err)
{
	struct search s = { .dsn = d, .r = r };
	char root[PATH_MAX];
	int rc;

	if (r->o->change.incident) {
		rc = search_one(r->o->change.incident, &s);
	} else {
		if (ir_incident_root(root, sizeof root, err))
			return -1;
		rc = ir_incident_each(root, search_one, &s, err);
	}
	if (rc == 0 && s.err.code)
		ir_fail(err, s.err.code == IR_DATAERR ? IR_NOINPUT :
		    s.err.code, "an incident cannot be read: %s", s.err.msg);
	else if (rc == 0)
		ir_fail(err, IR_DATAERR, "it is about no mail of ours");
	return rc == 1 ? 0 : -1;
}

/* The lock is held; what the journal says may be newer than what was read. */
static int
locked(struct run *r, struct ir_err *err)
{
	long wait = r->o->common.timeout ? r->o->common.timeout : 360;
	int lock;

	if (ir_journal_open(&r->journal, r->dir, "abuse-ack", err))
		return -1;
	lock = ir_ack_lock(r->journal, wait * 1000, err);
	if (lock >= 0 && ir_ack_load(r->dir, &r->ack, err)) {
		close(lock);
		return -1;
	}
	return lock;
}

static void
bounce(struct run *r, const char *path, struct ir_out *out,
    struct ir_err *err)
{
	struct ir_buf raw = IR_BUF(IR_EVIDENCE_MAX);
	const struct ir_dsn_recipient *who;
	struct ir_dsn d;
	const char *why = NULL;
	int lock, rc;

	if (ir_buf_read_file(&raw, path, err) || ir_dsn_parse(&d,
	    ir_buf_cstr(&raw), raw.len, err) || search(r, &d, err))
		goto out;
	who = ir_receipt_of(&d, &r->ack);
	if (r->o->change.dry_run) {
		r->changed = who && r->ack.state != IR_ACK_BOUNCED &&
		    (who->action == IR_DSN_FAILED ||
		    who->action == IR_DSN_DELAYED);
		put_known(r, out, true, who ? ir_dsn_word(who->action) :
		    "only a copy came back");
		goto out;
	}
	if (ir_confirm(&r->o->change, 1, err, "write down that the answer of "
	    "%s is %s?", r->dir, who ? ir_dsn_word(who->action) : "copied"))
		goto out;
	lock = locked(r, err);
	if (lock < 0)
		goto out;
	rc = ir_receipt_take(r->journal, r->dir, &r->ack, &d,
	    ir_buf_cstr(&raw), raw.len, &why, err);
	close(lock);
	if (rc < 0)
		goto out;
	r->changed = rc == 1;
	if (r->changed)
		refresh(r);
	put_known(r, out, true, why ? why : r->ack.how);
out:
	ir_buf_free(&raw);
}

/* Read the logs: the strongest word on each that is on its way. */
static int
look(const struct run *r, struct ir_receipt_look *l, size_t n,
    struct ir_err *err)
{
	struct ir_log_input *in = NULL;
	const char *p;
	size_t f, i, len;
	int rc = 0;

	for (f = 0; rc == 0 && f < r->o->mainlog.n; f++) {
		if (ir_log_open(&in, r->o->mainlog.v[f], err))
			return -1;
		while ((rc = ir_log_line(in, &p, &len, NULL, err)) == 1)
			for (i = 0; i < n; i++)
				ir_receipt_line(&l[i], p, len);
		ir_log_close(in);
	}
	return rc;
}

/* One that is on its way, and what is known of it now. */
static int
learn(struct run *r, const struct ir_receipt_look *l, struct ir_out *out,
    struct ir_err *err)
{
	static const char *const why[] = {
		[IR_RECEIPT_NONE] = "the log does not know it",
		[IR_RECEIPT_QUEUED] = "the relay has it, and has not tried",
		[IR_RECEIPT_DEFERRED] = "the relay will try again",
		[IR_RECEIPT_ELSEWHERE] = "another host took it, not the "
		    "recipient's (--mx-host names one that is)",
		[IR_RECEIPT_FAILED] = "it came back",
		[IR_RECEIPT_DELIVERED] = NULL,
	};
	bool dry = r->o->change.dry_run, end;
	int rc = 0;

	r->ack = *l->ack;
	end = l->word == IR_RECEIPT_DELIVERED || l->word == IR_RECEIPT_FAILED;
	r->changed = end;
	if (l->line[0] || r->o->evidence)
		snprintf(r->ack.how, sizeof r->ack.how, "%.500s",
		    r->o->evidence ? r->o->evidence : l->line);
	ir_text_printable(r->ack.how);
	if (end && !dry)
		rc = ir_ack_learn(r->journal, &r->ack, l->word ==
		    IR_RECEIPT_FAILED ? IR_ACK_BOUNCED : IR_ACK_DELIVERED,
		    NULL, err);
	if (rc)
		return -1;
	put_known(r, out, l->word == IR_RECEIPT_DELIVERED, why[l->word]);
	if (l->word == IR_RECEIPT_FAILED)
		ir_fail(err, IR_UNAVAILABLE, "%s: it came back: %s",
		    r->ack.message_id, r->ack.how);
	else if (!end && !err->code)
		ir_fail(err, IR_TEMPFAIL, "%s: not known to have arrived: %s",
		    r->ack.message_id, why[l->word]);
	return 0;
}

static bool
may_learn(const struct run *r, const struct ir_ack *a)
{
	return ir_ack_waits(a) || (r->o->mainlog.n && a->message_id[0] &&
	    (a->state == IR_ACK_UNKNOWN || a->state == IR_ACK_SENDING));
}

static int
learn_all(struct run *r, const struct ir_acks *all, struct ir_out *out,
    struct ir_err *err)
{
	struct ir_receipt_look *l = calloc(all->n + 1, sizeof *l);
	size_t i, n = 0, arrived = 0;
	int rc = l ? 0 : ir_fail(err, IR_OSERR, "no memory");

	for (i = 0; rc == 0 && i < all->n; i++) {
		if (r->o->change.confirm && !confirmed(r, all->v[i].message_id))
			continue;
		if (may_learn(r, &all->v[i]))
			l[n++] = (struct ir_receipt_look){ .ack = &all->v[i],
			    .host = r->o->mx_host, .now = ir_now(),
			    .word = r->o->evidence ? IR_RECEIPT_DELIVERED :
			    IR_RECEIPT_NONE };
		arrived += ir_ack_arrived(&all->v[i]);
		if (ir_ack_arrived(&all->v[i]))
			r->ack = all->v[i];
	}
	if (rc == 0 && n == 0 && arrived)
		put_known(r, out, true, "it had arrived before");
	else if (rc == 0 && n == 0)
		rc = ir_fail(err, IR_USAGE, "nothing is on its way");
	else if (rc == 0 && n > 1 && r->o->evidence) {
		rc = ir_fail(err, IR_USAGE, "%zu answers are on their way: "
		    "which of them?", n);
		ir_hint(err, "--confirm=%s", l[0].ack->message_id);
	}
	if (rc == 0 && n && !r->o->evidence)
		rc = look(r, l, n, err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = learn(r, &l[i], out, err);
	free(l);
	return rc;
}

static void
delivered(struct run *r, struct ir_out *out, struct ir_err *err)
{
	struct ir_acks all = { NULL, 0 };
	int lock = -1;

	if (strlen(r->o->change.incident) >= sizeof r->dir) {
		ir_fail(err, IR_NOINPUT, "--incident: too long");
		return;
	}
	snprintf(r->dir, sizeof r->dir, "%s", r->o->change.incident);
	if (!r->o->change.dry_run) {
		if (ir_confirm(&r->o->change, 1, err, "write down what became "
		    "of the answer of %s?", r->dir))
			return;
		lock = locked(r, err);
		if (lock < 0)
			return;
	}
	if (ir_acks_load(r->dir, &all, err) == 0)
		(void)learn_all(r, &all, out, err);
	ir_acks_free(&all);
	if (lock >= 0) {
		close(lock);
		refresh(r);
	}
}

int
main(int argc, char **argv)
{
	struct ack_opts o = { 0 };
	const struct ir_opt opts[] = {
		OWN_OPTIONS(&o),
		IR_OPTS_CHANGE(&o.change),
		IR_OPTS_COMMON(&o.common),
		IR_OPT_END
	};
	struct run r = { .o = &o, .password = IR_SECRET_INIT,
	    .text = IR_BUF(1u << 20), .msg = IR_BUF(4u << 20) };
	struct ir_err err = IR_ERR_INIT;
	struct ir_out *out;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &o.common);
	check_usage(&o, argv, n);
	out = ir_open_output(&o.common, cols);
	if (o.bounce)
		bounce(&r, n ? argv[1] : "-", out, &err);
	else if (o.delivered)
		delivered(&r, out, &err);
	else
		answer(&r, n == 1, out, &err);
	ir_aws_close(r.aws);
	ir_journal_close(r.journal);
	ir_secret_free(&r.password);
	ir_rec_free(r.report);
	ir_buf_free(&r.text);
	ir_buf_free(&r.msg);
	return ir_end(&err, out, NULL);
}
