/*
 * ses-pause - stop an account's SES sending, region by region, and resume it
 *
 * Reads regions (operands, records of type ses-account, or all of them) and
 * what SES and CloudWatch say about them; writes records of type
 * ses-account.  What was before is saved first, so that --resume restores
 * exactly that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "incident/journal.h"

struct region {
	struct ir_ses_region r;
	bool want;		/* what sending is to become */
	bool change;		/* it is not so yet */
	bool acted;		/* the switch was tried */
	bool home;
	bool knew;		/* the state file has an entry */
	bool was;		/* sending before it was first paused */
	char why[160];
};

struct pause {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws_opts;
	bool all, no_baseline, resume;
	struct ir_aws *aws;
	struct ir_journal *journal;
	struct ir_state state;
	char account[13];
	struct region v[IR_SES_REGIONS_MAX];
	size_t n;
};

static const struct ir_cmd cmd = {
	"ses-pause", "stop an account's SES sending, region by region",
	"[-ny] [--all-regions] [--no-baseline] [--resume] [region ...]"
};

static const struct ir_col cols[] = {
	{ "id", "REGION" }, { "sending", "SENDING" }, { "was", "WAS" },
	{ "changed", "CHANGED" }, { "enforcement", "ENFORCEMENT" },
	{ "sent_24h", "24H" }, { "sent_14d", "14D" },
	{ "baseline", "BASELINE" }, { "ok", "OK" }, { "why", "WHY" },
	{ NULL, NULL }
};

/* --- which regions ----------------------------------------------------- */

static int
add_region(struct pause *p, const char *name, struct ir_err *err)
{
	size_t i;

	if (!ir_aws_region_ok(name))
		return ir_fail(err, IR_DATAERR, "not a region: %s", name);
	for (i = 0; i < p->n; i++)
		if (strcmp(p->v[i].r.name, name) == 0)
			return 0;
	if (p->n == IR_SES_REGIONS_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d regions",
		    IR_SES_REGIONS_MAX);
	snprintf(p->v[p->n++].r.name, sizeof p->v[0].r.name, "%s", name);
	return 0;
}

static int
add_record(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	const struct pause *p = arg;
	const char *type = ir_rec_get(rec, "type");
	const char *id = ir_rec_get(rec, "id");
	const char *account = ir_rec_get(rec, "account");

	if (type && strcmp(type, "ses-account") != 0)
		return ir_fail(err, IR_DATAERR, "not a ses-account: %s", type);
	if (account && strcmp(account, p->account) != 0)
		return ir_fail(err, IR_DATAERR,
		    "account %s, but the credentials are of %s", account,
		    p->account);
	return add_region(arg, id ? id : "", err);
}

static int
read_selection(struct pause *p, char **operands, size_t n, struct ir_err *err)
{
	int rc = ir_in_each(operands, n, add_record, p, err);

	if (rc == 0 && p->n == 0)
		rc = ir_fail(err, IR_USAGE,
		    "no region selected: nothing changed");
	return rc;
}

static int
add_saved(const char *key, const struct ir_rec *val, void *arg)
{
	(void)val;
	return add_region(arg, key, NULL);
}

/* Operands first; else everything, but only where that was asked for. */
static int
select_regions(struct pause *p, char **operands, size_t n, struct ir_err *err)
{
	const char *const *all = ir_aws_ses_regions(p->aws);
	const struct ir_rec *saved = ir_rec_at(p->state.rec, "regions");

	if (n)
		return read_selection(p, operands, n, err);
	if (p->resume) {
		if (saved && ir_rec_each(saved, add_saved, p))
			return ir_fail(err, IR_DATAERR, "%s: not a region",
			    p->state.path);
		return 0;
	}
	if (!p->all && !p->no_baseline)
		return read_selection(p, NULL, 0, err);
	for (; *all; all++)
		if (add_region(p, *all, err))
			return -1;
	return p->n ? 0 : ir_fail(err, IR_UNAVAILABLE,
	    "there is no SES in this partition");
}

/* --- what is to be done ------------------------------------------------ */

static void
survey(struct pause *p)
{
	struct ir_ses_region r[IR_SES_REGIONS_MAX];
	size_t i;

	for (i = 0; i < p->n; i++)
		r[i] = p->v[i].r;
	(void)ir_ses_survey(p->aws, r, p->n, true, ir_now());
	for (i = 0; i < p->n; i++)
		p->v[i].r = r[i];
}

static const struct ir_rec *
saved_entry(const struct pause *p, const char *region)
{
	return ir_rec_at(ir_rec_at(p->state.rec, "regions"), region);
}

/* Only regions that nobody's honest mail comes from. */
static void
drop_baseline(struct pause *p)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++) {
		const struct ir_ses_region *r = &p->v[i].r;

		if (!r->err.code && !r->disabled && !r->volume)
			ir_warn(&p->common,
			    "%s: left alone: its volume is not known", r->name);
		if (r->err.code || r->disabled || (r->volume && !r->baseline))
			p->v[n++] = p->v[i];
	}
	p->n = n;
}

static void
plan_pause(struct pause *p, struct region *v)
{
	const struct ir_rec *e = saved_entry(p, v->r.name);

	v->want = false;
	v->change = !v->r.err.code && !v->r.disabled && v->r.sending;
	/* what was there before our first pause stays what is restored */
	v->knew = e && ir_rec_get_bool(e, "paused", false);
	v->was = v->knew ? ir_rec_get_bool(e, "sending", true) :
	    v->r.sending;
}

static void
plan_resume(struct pause *p, struct region *v)
{
	const struct ir_rec *e = saved_entry(p, v->r.name);
	const char *why = NULL;

	v->knew = e != NULL;
	v->was = v->want = e ? ir_rec_get_bool(e, "sending", true) :
	    v->r.sending;
	if (v->r.disabled || v->r.err.code)
		;
	else if (!e)
		why = "nothing was saved for it: left alone";
	else if (!ir_rec_get_bool(e, "paused", false))
		why = "was resumed before: left alone";
	else if (v->r.sending != v->want)
		v->change = true;
	else if (!v->want)
		why = "it was off before";
	if (why)
		snprintf(v->why, sizeof v->why, "%s", why);
}

static void
plan(struct pause *p)
{
	const char *home = ir_aws_region(p->aws);
	bool any = false;
	size_t i;

	if (p->no_baseline && !p->resume)
		drop_baseline(p);
	for (i = 0; i < p->n; i++) {
		if (p->resume)
			plan_resume(p, &p->v[i]);
		else
			plan_pause(p, &p->v[i]);
		p->v[i].home = home && strcmp(home, p->v[i].r.name) == 0;
		any = any || (p->v[i].home && p->v[i].change);
	}
	for (i = 0; i < p->n && !any; i++)
		if (p->v[i].change)
			any = p->v[i].home = true;
}

/* --- asking ------------------------------------------------------------ */

/* "us-east-1 (1714 a day), eu-west-1 (not known)" */
static void
describe(const struct pause *p, char *out, size_t size)
{
	size_t i, len = 0;

	out[0] = '\0';
	for (i = 0; i < p->n && len + 64 < size; i++) {
		const struct ir_ses_region *r = &p->v[i].r;

		if (!p->v[i].change)
			continue;
		len = strlen(out);
		snprintf(out + len, size - len, "%s%s", len ? ", " : "",
		    r->name);
		len = strlen(out);
		if (!r->volume)
			snprintf(out + len, size - len, " (not known)");
		else if (r->baseline)
			snprintf(out + len, size - len, " (%lld a day)",
			    (long long)(r->honest / 13));
	}
}

static int
confirm(struct pause *p, struct ir_err *err)
{
	char list[384];
	size_t i, n = 0;
	bool wide = p->change.confirm || (p->all && !p->no_baseline);

	for (i = 0; i < p->n; i++) {
		const struct ir_ses_region *r = &p->v[i].r;

		if (!p->v[i].change)
			continue;
		n++;
		if (p->resume || (r->volume && !r->baseline))
			continue;
		wide = true;
		ir_warn(&p->common, r->volume ?
		    "%s: honest mail stops as well: %lld in the 13 days before "
		    "the last 24 hours" :
		    "%s: honest mail may stop as well: its volume is not known",
		    r->name, (long long)r->honest);
	}
	if (n == 0)
		return 0;
	describe(p, list, sizeof list);
	if (p->resume)
		return ir_confirm(&p->change, 1, err,
		    "restore SES sending of account %s in %s?", p->account,
		    list);
	if (wide)
		return ir_confirm_name(&p->change, p->account, "account id",
		    err, "this stops SES sending of account %s in %s",
		    p->account, list);
	return ir_confirm(&p->change, p->no_baseline ? n : 1, err,
	    "stop SES sending of account %s in %s?", p->account, list);
}

/* --- acting ------------------------------------------------------------ */

/* Save what a region is now; an earlier "before" of a paused one stays. */
static int
save_before(struct pause *p, struct ir_err *err)
{
	struct ir_rec *regions = ir_rec_copy(ir_rec_at(p->state.rec,
	    "regions")), *e;
	bool news = false;
	size_t i;

	if (!regions)
		regions = ir_rec_object();
	for (i = 0; i < p->n; i++) {
		const struct ir_ses_region *r = &p->v[i].r;

		if (p->v[i].knew || r->err.code || r->disabled)
			continue;
		e = ir_rec_object();
		ir_rec_bool(e, "sending", r->sending);
		ir_rec_bool(e, "paused", true);
		ir_rec_str(e, "enforcement", r->enforcement);
		ir_rec_int(e, "sent_24h", r->sent_24h);
		if (r->volume)
			ir_rec_int(e, "sent_14d", r->sent_14d);
		ir_rec_time(e, "time", ir_now());
		ir_rec_set(regions, r->name, e);
		news = true;
	}
	ir_rec_str(p->state.rec, "account", p->account);
	ir_rec_set(p->state.rec, "regions", regions);
	return news ? ir_state_save(&p->state, err) : 0;
}

static int
save_resumed(struct pause *p, struct ir_err *err)
{
	struct ir_rec *regions = ir_rec_copy(ir_rec_at(p->state.rec,
	    "regions")), *e;
	bool news = false;
	size_t i;

	for (i = 0; i < p->n; i++) {
		const struct region *v = &p->v[i];

		if (!v->knew || v->r.err.code || v->r.disabled ||
		    v->r.sending != v->want)
			continue;
		e = ir_rec_copy(ir_rec_at(regions, v->r.name));
		if (!ir_rec_get_bool(e, "paused", false)) {
			ir_rec_free(e);
			continue;
		}
		ir_rec_bool(e, "paused", false);
		ir_rec_time(e, "resumed", ir_now());
		ir_rec_set(regions, v->r.name, e);
		news = true;
	}
	if (!news) {
		ir_rec_free(regions);
		return 0;
	}
	ir_rec_set(p->state.rec, "regions", regions);
	return ir_state_save(&p->state, err);
}

static int
journal(struct pause *p, const char *event, struct ir_err *err)
{
	struct ir_rec *data = ir_rec_object(), *all = ir_rec_object(), *e;
	size_t i;

	ir_rec_str(data, "account", p->account);
	ir_rec_bool(data, "resume", p->resume);
	for (i = 0; i < p->n; i++) {
		const struct region *v = &p->v[i];

		if (!v->change)
			continue;
		e = ir_rec_object();
		ir_rec_bool(e, "sending", v->r.sending);
		ir_rec_bool(e, "want", v->want);
		if (v->r.err.code)
			ir_rec_str(e, "why", v->r.err.msg);
		ir_rec_set(all, v->r.name, e);
	}
	ir_rec_set(data, "regions", all);
	return ir_journal_add(p->journal, event, data, err);
}

/* Switch what has to be; home_only: the first part of a resume. */
static size_t
switch_some(struct pause *p, bool home)
{
	struct ir_ses_region *r[IR_SES_REGIONS_MAX];
	bool on[IR_SES_REGIONS_MAX];
	size_t i, n = 0;

	for (i = 0; i < p->n; i++) {
		struct region *v = &p->v[i];

		if (!v->change || v->acted || (home && !v->home))
			continue;
		v->acted = true;
		on[n] = v->want;
		r[n++] = &v->r;
	}
	return n ? ir_ses_switch(p->aws, r, on, n) : 0;
}

static void
leave_others(struct pause *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->v[i].change && !p->v[i].acted)
			ir_fail(&p->v[i].r.err, IR_TEMPFAIL,
			    "not tried: the home region was not restored");
}

/* What has to be on disk before anything is changed. */
static int
prepare(struct pause *p, struct ir_err *err)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++)
		n += p->v[i].change;
	if (!p->resume && save_before(p, err))
		return -1;
	return n ? journal(p, "ses-pause.begin", err) : 0;
}

/* What fails in a region is in its record; *err is for the files. */
static void
act(struct pause *p, struct ir_err *err)
{
	bool acted = false;
	size_t i;

	if (p->resume && switch_some(p, true))
		leave_others(p);
	else
		(void)switch_some(p, false);
	if (p->resume)
		(void)save_resumed(p, err);
	for (i = 0; i < p->n; i++)
		acted = acted || p->v[i].acted;
	if (acted)
		(void)journal(p, "ses-pause.end", err->code ? NULL : err);
}

/* --- saying ------------------------------------------------------------ */

static void
set_volume(struct ir_rec *rec, const struct ir_ses_region *r)
{
	if (r->sent_24h >= 0)
		ir_rec_int(rec, "sent_24h", r->sent_24h);
	else
		ir_rec_null(rec, "sent_24h");
	if (r->volume) {
		ir_rec_int(rec, "sent_14d", r->sent_14d);
		ir_rec_int(rec, "honest_13d", r->honest);
		ir_rec_bool(rec, "baseline", r->baseline);
	} else {
		ir_rec_null(rec, "sent_14d");
		ir_rec_null(rec, "baseline");
	}
}

static void
report_one(struct pause *p, const struct region *v, struct ir_out *out)
{
	struct ir_rec *rec = ir_rec_new("ses-account", v->r.name);
	bool ok = !v->r.err.code, dry = p->change.dry_run;
	/* whether a failed one is paused was not seen */
	bool seen = v->acted ? ok : v->r.enforcement[0] != '\0';

	ir_rec_str(rec, "account", p->account);
	if (seen) {
		ir_rec_bool(rec, "sending", v->r.sending);
		ir_rec_bool(rec, "was", v->was);
		ir_rec_str(rec, "enforcement", v->r.enforcement);
		set_volume(rec, &v->r);
	}
	if (v->r.disabled)
		ir_rec_bool(rec, "enabled", false);
	ir_rec_bool(rec, "changed", v->change && (dry || v->acted) && ok);
	ir_rec_bool(rec, "ok", ok);
	ir_rec_bool(rec, "dry_run", dry);
	if (!ok)
		ir_rec_str(rec, "why", v->r.err.msg);
	else if (v->r.disabled)
		ir_rec_str(rec, "why",
		    "the account has not enabled this region");
	else if (v->why[0])
		ir_rec_str(rec, "why", v->why);
	else if (seen && !v->r.volume)
		ir_rec_str(rec, "why", "volume unknown");
	if (!dry && (v->knew || !p->resume) && ok && !v->r.disabled)
		ir_rec_str(rec, "state", p->state.path);
	ir_out_put(out, rec);
}

static void
report(struct pause *p, struct ir_out *out, struct ir_tally *tally)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		report_one(p, &p->v[i], out);
		ir_tally_add(tally, p->v[i].r.err.code);
	}
	if (p->resume && p->n == 0)
		ir_warn(&p->common, "nothing is saved in %s", p->state.path);
}

/* --- opening ----------------------------------------------------------- */

static void
check_usage(const struct pause *p, int operands)
{
	if (p->all && operands)
		ir_die_usage("--all-regions and regions: one of them");
	if (p->resume && (p->all || p->no_baseline))
		ir_die_usage("--resume takes regions, or what was saved");
	if (!operands && !p->all && !p->no_baseline && !p->resume &&
	    isatty(STDIN_FILENO))
		ir_die_usage("no regions, and standard input is a terminal");
}

static int
open_all(struct pause *p, struct ir_err *err)
{
	const char *of;

	if (ir_aws_open(&p->aws, &p->aws_opts, ir_ask_tty, err))
		return -1;
	ir_aws_follow(p->aws, &p->common);
	if (ir_aws_account(p->aws, p->account, NULL, err) ||
	    ir_journal_open(&p->journal, p->change.incident, cmd.name, err) ||
	    ir_state_open(&p->state, p->change.incident, cmd.name, p->account,
	    !p->change.dry_run, err))
		return -1;
	of = ir_rec_get(p->state.rec, "account");
	if (of && strcmp(of, p->account) != 0) {
		ir_fail(err, IR_CONFIG, "%s: is of account %s, the "
		    "credentials are of %s", p->state.path, of, p->account);
		ir_hint(err, "one incident directory for each account");
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static struct pause p = { .state = { .lock = -1 } };
	const struct ir_opt opts[] = {
		{ 0, "all-regions", NULL, IR_BOOL, &p.all,
		    "every region that has SES; needs --confirm" },
		{ 0, "no-baseline", NULL, IR_BOOL, &p.no_baseline,
		    "only regions without honest mail in the last 14 days" },
		{ 0, "resume", NULL, IR_BOOL, &p.resume,
		    "restore what was saved, the home region first" },
		IR_OPTS_CHANGE(&p.change),
		IR_OPTS_AWS(&p.aws_opts),
		IR_OPTS_COMMON(&p.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	struct ir_out *out = NULL;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &p.common);
	check_usage(&p, n);
	if (open_all(&p, &err) || select_regions(&p, argv + 1, (size_t)n, &err))
		goto out;
	out = ir_open_output(&p.common, cols);
	survey(&p);
	plan(&p);
	if (!p.change.dry_run) {
		if (confirm(&p, &err) || prepare(&p, &err))
			goto out;
		act(&p, &err);
	}
	report(&p, out, &tally);
out:
	ir_state_close(&p.state);
	ir_journal_close(p.journal);
	ir_aws_close(p.aws);
	return ir_end(&err, out, &tally);
}
