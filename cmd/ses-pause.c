/*
 * ses-pause - stop an account's SES sending, region by region, and resume it
 *
 * Reads regions (operands, records of type ses-account, or all of them) and
 * what SES and CloudWatch say about them; writes records of type
 * ses-account.  What was before is saved first, so that --resume restores
 * exactly that.  With --mail-manager the same for Mail Manager's ingress
 * points, in records of type ingress-point.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ingress.h"
#include "aws/lookup.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "incident/journal.h"

#define MAX_DOORS 512
#define TOO_MANY_DOORS "more than %d ingress points", MAX_DOORS

struct region {
	struct ir_ses_region r;
	bool whole;		/* it was named, not only doors in it */
	bool want;		/* what sending is to become */
	bool change;		/* it is not so yet */
	bool acted;		/* the switch was tried */
	bool home;
	bool knew;		/* the state file has an entry */
	bool was;		/* sending before it was first paused */
	char why[160];
};

/* An ingress point of Mail Manager. */
struct door {
	char id[104], region[64];
	char name[128], type[16], status[48];
	char was[48];		/* its status before it was first closed */
	bool named;		/* chosen itself, not with its region */
	bool seen;		/* Mail Manager has it */
	bool change, acted;
	bool knew;		/* it is we who closed it */
	struct ir_err err;
	char why[160];
};

struct pause {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws_opts;
	bool all, no_baseline, resume, mail_manager;
	bool passed_over;	/* of a plan: what it does not change */
	struct ir_aws *aws;
	struct ir_journal *journal;
	struct ir_state state;
	char account[13];
	struct region v[IR_SES_REGIONS_MAX];
	size_t n;
	struct door door[MAX_DOORS];
	size_t ndoors;
};

static const struct ir_cmd cmd = {
	"ses-pause", "stop an account's SES sending, region by region",
	"[-ny] [--all-regions] [--no-baseline] [--mail-manager] [--resume] "
	"[region ...]"
};

static const struct ir_col cols[] = {
	{ "id", "REGION" }, { "sending", "SENDING" }, { "was", "WAS" },
	{ "changed", "CHANGED" }, { "enforcement", "ENFORCEMENT" },
	{ "sent_24h", "24H" }, { "sent_14d", "14D" },
	{ "baseline", "BASELINE" }, { "ok", "OK" }, { "why", "WHY" },
	{ NULL, NULL }
};

static const struct ir_col door_cols[] = {
	{ "id", "INGRESS POINT" }, { "name", "NAME" }, { "region", "REGION" },
	{ "ingress_type", "TYPE" }, { "status", "STATUS" }, { "was", "WAS" },
	{ "changed", "CHANGED" }, { "ok", "OK" }, { "why", "WHY" },
	{ NULL, NULL }
};

/* --- which regions ----------------------------------------------------- */

static int
add_region(struct pause *p, const char *name, bool whole, struct ir_err *err)
{
	size_t i;

	if (!ir_aws_region_ok(name))
		return ir_fail(err, IR_DATAERR, "not a region: %s", name);
	for (i = 0; i < p->n; i++)
		if (strcmp(p->v[i].r.name, name) == 0) {
			p->v[i].whole = p->v[i].whole || whole;
			return 0;
		}
	if (p->n == IR_SES_REGIONS_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d regions",
		    IR_SES_REGIONS_MAX);
	p->v[p->n].whole = whole;
	snprintf(p->v[p->n++].r.name, sizeof p->v[0].r.name, "%s", name);
	return 0;
}

static struct door *
find_door(struct pause *p, const char *region, const char *id)
{
	size_t i;

	for (i = 0; i < p->ndoors; i++)
		if (strcmp(p->door[i].id, id) == 0 &&
		    strcmp(p->door[i].region, region) == 0)
			return &p->door[i];
	return NULL;
}

/* NULL: there is no room. */
static struct door *
add_door(struct pause *p, const char *region, const char *id)
{
	struct door *d = find_door(p, region, id);

	if (d || p->ndoors == MAX_DOORS)
		return d;
	d = &p->door[p->ndoors++];
	snprintf(d->id, sizeof d->id, "%s", id);
	snprintf(d->region, sizeof d->region, "%s", region);
	return d;
}

/* A record of one, or its id, which says nothing of its region. */
static int
name_door(struct pause *p, const struct ir_rec *rec, struct ir_err *err)
{
	const char *id = ir_rec_get(rec, "id");
	const char *region = ir_rec_get(rec, "region");
	struct door *d;

	/* what a plan leaves alone is not named by it */
	if (ir_rec_get_bool(rec, "dry_run", false) &&
	    !ir_rec_get_bool(rec, "changed", true)) {
		p->passed_over = true;
		return 0;
	}
	if (!id || strncmp(id, "inp-", 4) != 0 || strlen(id) > 100)
		return ir_fail(err, IR_DATAERR, "not an ingress point: %s",
		    id ? id : "");
	if (!region)
		region = ir_aws_region(p->aws);
	if (!region)
		return ir_fail(err, IR_CONFIG, "%s: no region: --region", id);
	if (add_region(p, region, false, err))
		return -1;
	if (!(d = add_door(p, region, id)))
		return ir_fail(err, IR_DATAERR, TOO_MANY_DOORS);
	d->named = true;
	return 0;
}

static int
add_record(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	const struct pause *p = arg;
	const char *type = ir_rec_get(rec, "type");
	const char *id = ir_rec_get(rec, "id");
	const char *account = ir_rec_get(rec, "account");
	bool door = p->mail_manager && (type ?
	    strcmp(type, "ingress-point") == 0 :
	    id && strncmp(id, "inp-", 4) == 0);

	if (type && !door && strcmp(type, "ses-account") != 0)
		return ir_fail(err, IR_DATAERR, "not a ses-account: %s", type);
	if (account && strcmp(account, p->account) != 0)
		return ir_fail(err, IR_DATAERR,
		    "account %s, but the credentials are of %s", account,
		    p->account);
	if (door)
		return name_door(arg, rec, err);
	return add_region(arg, id ? id : "", true, err);
}

static int
read_selection(struct pause *p, char **operands, size_t n, struct ir_err *err)
{
	int rc = ir_in_each(operands, n, add_record, p, err);

	if (rc == 0 && p->n == 0 && !p->passed_over)
		rc = ir_fail(err, IR_USAGE,
		    "no region selected: nothing changed");
	return rc;
}

static int
add_saved(const char *key, const struct ir_rec *val, void *arg)
{
	(void)val;
	return add_region(arg, key, true, NULL);
}

/* Operands first; else everything, but only where that was asked for. */
static int
select_regions(struct pause *p, char **operands, size_t n, struct ir_err *err)
{
	const char *const *all = ir_aws_ses_regions(p->aws);
	const struct ir_rec *saved = ir_rec_at(p->state.rec,
	    p->mail_manager ? "ingress_points" : "regions");
	char enabled[IR_LOOKUP_REGIONS][40];
	size_t i;

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
	if (p->mail_manager) {
		n = ir_lookup_regions(p->aws, enabled, NULL);
		for (; *all; all++)
			for (i = 0; i < n; i++)
				if (strcmp(enabled[i], *all) == 0 &&
				    add_region(p, *all, true, err))
					return -1;
		return 0;
	}
	for (; *all; all++)
		if (add_region(p, *all, true, err))
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

/* --- Mail Manager ------------------------------------------------------ */

static void
take_door(const struct ir_ingress *point, void *arg)
{
	struct pause *p = arg;
	struct door *d = find_door(p, point->region, point->id);
	size_t i;

	for (i = 0; !d && i < p->n; i++)
		if (p->v[i].whole &&
		    strcmp(p->v[i].r.name, point->region) == 0 &&
		    strlen(point->id) < sizeof d->id) {
			d = add_door(p, point->region, point->id);
			if (!d)
				ir_fail(&p->v[i].r.err, IR_DATAERR,
				    TOO_MANY_DOORS);
		}
	if (!d)
		return;
	d->seen = true;
	snprintf(d->name, sizeof d->name, "%s", point->name ? point->name :
	    point->id);
	snprintf(d->type, sizeof d->type, "%s", point->type);
	snprintf(d->status, sizeof d->status, "%s", point->status);
}

static void
deaf_region(const char *region, const struct ir_err *why, void *arg)
{
	struct pause *p = arg;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->v[i].r.name, region) == 0)
			p->v[i].r.err = *why;
}

/* Of all regions, one that has no Mail Manager has nobody to answer. */
static void
forgive(struct pause *p)
{
	char list[512] = "";
	size_t i, deaf = 0;

	for (i = 0; i < p->n; i++)
		deaf += p->v[i].r.err.code == IR_TEMPFAIL;
	for (i = 0; p->all && deaf < p->n && i < p->n; i++)
		if (p->v[i].r.err.code == IR_TEMPFAIL) {
			p->v[i].r.err = (struct ir_err)IR_ERR_INIT;
			snprintf(list + strlen(list), sizeof list -
			    strlen(list), " %s", p->v[i].r.name);
		}
	if (*list)
		ir_warn(&p->common, "there is no answer from Mail Manager "
		    "in:%s", list);
}

static const struct ir_rec *
saved_door(const struct pause *p, const struct door *d)
{
	return ir_rec_at(ir_rec_at(ir_rec_at(p->state.rec, "ingress_points"),
	    d->region), d->id);
}

static const char *
plan_close(struct door *d)
{
	if (strcmp(d->status, "CLOSED") == 0)
		return d->knew ? NULL : "it was closed before";
	if (strcmp(d->type, "AUTH") != 0 && !d->named)
		return "it has no password: closed only when it is named";
	d->change = true;
	return NULL;
}

static const char *
plan_open(const struct pause *p, struct door *d)
{
	if (!d->knew)
		return saved_door(p, d) ?
		    "was opened again before: left alone" :
		    "was not closed by us: left alone";
	d->change = strcmp(d->status, "ACTIVE") != 0;
	return NULL;
}

static void
plan_door(struct pause *p, struct door *d)
{
	const struct ir_rec *e = saved_door(p, d);
	const char *why, *was = ir_rec_get(e, "status");

	d->knew = ir_rec_get_bool(e, "closed", false);
	snprintf(d->was, sizeof d->was, "%s", d->knew && was ? was :
	    d->status);
	if (!d->seen && !p->resume) {
		ir_fail(&d->err, IR_UNAVAILABLE, "there is no such ingress "
		    "point");
		return;
	}
	why = !d->seen ? "it is there no more" :
	    p->resume ? plan_open(p, d) : plan_close(d);
	if (why)
		snprintf(d->why, sizeof d->why, "%s", why);
}

static int
expect_saved(const char *id, const struct ir_rec *entry, void *arg)
{
	struct region *v = ((void **)arg)[1];

	if (ir_rec_get_bool(entry, "closed", false))
		(void)add_door(((void **)arg)[0], v->r.name, id);
	return 0;
}

/* The doors of the regions, and those that are saved. */
static int
look_at_doors(struct pause *p, struct ir_err *err)
{
	const char *names[IR_SES_REGIONS_MAX];
	size_t i, k;

	for (i = 0; i < p->n; i++) {
		void *arg[] = { p, &p->v[i] };

		names[i] = p->v[i].r.name;
		if (p->resume && p->v[i].whole)
			(void)ir_rec_each(ir_rec_at(ir_rec_at(p->state.rec,
			    "ingress_points"), names[i]), expect_saved, arg);
	}
	if (ir_ingress_each(p->aws, names, p->n, take_door, deaf_region, p,
	    err))
		return -1;
	forgive(p);
	for (i = 0; i < p->ndoors; i++) {
		for (k = 0; strcmp(p->v[k].r.name, p->door[i].region); k++)
			;
		p->door[i].err = p->v[k].r.err;
		if (!p->door[i].err.code)
			plan_door(p, &p->door[i]);
	}
	return 0;
}

static int
confirm_doors(struct pause *p, struct ir_err *err)
{
	size_t i, n = 0, len, unnamed = 0;
	char list[256] = "";

	for (i = 0; i < p->ndoors; i++) {
		if (!p->door[i].change)
			continue;
		n++;
		unnamed += !p->door[i].named;
		len = strlen(list);
		if (len < sizeof list / 2)
			snprintf(list + len, sizeof list - len, "%s%.80s",
			    len ? ", " : "", p->door[i].name);
	}
	if (n == 0)
		return 0;
	if (p->resume)
		return ir_confirm(&p->change, 1, err,
		    "open %zu ingress point%s of account %s again (%s)?", n,
		    n == 1 ? "" : "s", p->account, list);
	if (p->change.confirm)
		return ir_confirm_name(&p->change, p->account, "account id",
		    err, "this closes ingress points of account %s (%s)",
		    p->account, list);
	return ir_confirm(&p->change, unnamed ? n : 1, err,
	    "close %zu ingress point%s of account %s (%s)?", n,
	    n == 1 ? "" : "s", p->account, list);
}

static void
save_door(struct ir_rec *all, const struct door *d, bool closed)
{
	struct ir_rec *region = ir_rec_copy(ir_rec_at(all, d->region));
	struct ir_rec *e = region ? ir_rec_copy(ir_rec_at(region, d->id)) :
	    NULL;

	if (!region)
		region = ir_rec_object();
	if (!e || closed) {
		ir_rec_free(e);
		e = ir_rec_object();
		ir_rec_str(e, "name", d->name);
		ir_rec_str(e, "status", d->was);
	}
	ir_rec_bool(e, "closed", closed);
	ir_rec_time(e, closed ? "time" : "resumed", ir_now());
	ir_rec_set(region, d->id, e);
	ir_rec_set(all, d->region, region);
}

/* Before: what is to be closed.  After: what is open again, or gone. */
static int
save_doors(struct pause *p, bool after, struct ir_err *err)
{
	struct ir_rec *all = ir_rec_copy(ir_rec_at(p->state.rec,
	    "ingress_points"));
	const struct door *d;
	bool news = false;
	size_t i;

	if (!all)
		all = ir_rec_object();
	for (i = 0; i < p->ndoors; i++) {
		d = &p->door[i];
		if (after ? !d->knew || d->err.code ||
		    (d->change && !d->acted) : !d->change || d->knew)
			continue;
		save_door(all, d, !after);
		news = true;
	}
	ir_rec_str(p->state.rec, "account", p->account);
	ir_rec_set(p->state.rec, "ingress_points", all);
	return news ? ir_state_save(&p->state, err) : 0;
}

static int
journal_doors(struct pause *p, const char *event, struct ir_err *err)
{
	struct ir_rec *data = ir_rec_object(), *all = ir_rec_array(), *e;
	const struct door *d;
	size_t i;

	ir_rec_str(data, "account", p->account);
	ir_rec_bool(data, "resume", p->resume);
	for (i = 0; i < p->ndoors; i++) {
		d = &p->door[i];
		if (!d->change)
			continue;
		e = ir_rec_object();
		ir_rec_str(e, "id", d->id);
		ir_rec_str(e, "region", d->region);
		ir_rec_str(e, "status", d->status);
		if (d->err.code)
			ir_rec_str(e, "why", d->err.msg);
		ir_rec_push(all, e);
	}
	ir_rec_set(data, "ingress_points", all);
	return ir_journal_add(p->journal, event, data, err);
}

static int
act_on_doors(struct pause *p, struct ir_err *err)
{
	struct door *d;
	size_t i, n = 0;

	for (i = 0; i < p->ndoors; i++)
		n += p->door[i].change;
	if (confirm_doors(p, err) || (!p->resume && save_doors(p, false, err)))
		return -1;
	if (n && journal_doors(p, "ses-pause.begin", err))
		return -1;
	for (i = 0; i < p->ndoors && !ir_stopped(); i++) {
		d = &p->door[i];
		if (!d->change)
			continue;
		d->acted = true;
		if (ir_ingress_set(p->aws, d->region, d->id, p->resume,
		    &d->err) == 0)
			snprintf(d->status, sizeof d->status, "%s",
			    p->resume ? "ACTIVE" : "CLOSED");
	}
	for (; i < p->ndoors; i++)
		if (p->door[i].change)
			ir_fail(&p->door[i].err, IR_TEMPFAIL,
			    "not tried: it was stopped before");
	if (p->resume && save_doors(p, true, err))
		return -1;
	return n ? journal_doors(p, "ses-pause.end", err) : 0;
}

static void
report_door(struct pause *p, const struct door *d, struct ir_out *out)
{
	struct ir_rec *rec = ir_rec_new("ingress-point", d->id);
	bool ok = !d->err.code, dry = p->change.dry_run;

	ir_rec_str(rec, "account", p->account);
	ir_rec_str(rec, "region", d->region);
	if (d->seen && (ok || !d->acted)) {
		ir_rec_str(rec, "name", d->name);
		ir_rec_str(rec, "ingress_type", d->type);
		ir_rec_str(rec, "status", d->status);
		ir_rec_str(rec, "was", d->was);
	}
	ir_rec_bool(rec, "changed", d->change && (dry || d->acted) && ok);
	ir_rec_bool(rec, "ok", ok);
	ir_rec_bool(rec, "dry_run", dry);
	if (!ok || d->why[0])
		ir_rec_str(rec, "why", ok ? d->why : d->err.msg);
	if (!dry && ok && (d->knew || d->change))
		ir_rec_str(rec, "state", p->state.path);
	ir_out_put(out, rec);
}

/* A region that was not read is a failure of its own. */
static void
report_deaf(struct pause *p, const struct region *v, struct ir_out *out)
{
	struct ir_rec *rec = ir_rec_new("ingress-point", v->r.name);

	ir_rec_str(rec, "account", p->account);
	ir_rec_str(rec, "region", v->r.name);
	ir_rec_bool(rec, "changed", false);
	ir_rec_bool(rec, "ok", false);
	ir_rec_bool(rec, "dry_run", p->change.dry_run);
	ir_rec_str(rec, "why", v->r.err.msg);
	ir_out_put(out, rec);
}

static int
do_doors(struct pause *p, struct ir_out *out, struct ir_tally *tally,
    struct ir_err *err)
{
	size_t i;

	if (look_at_doors(p, err))
		return -1;
	if (!p->change.dry_run && act_on_doors(p, err))
		return -1;
	for (i = 0; i < p->n; i++)
		if (p->v[i].r.err.code && p->v[i].whole) {
			report_deaf(p, &p->v[i], out);
			ir_tally_add(tally, p->v[i].r.err.code);
		}
	for (i = 0; i < p->ndoors; i++) {
		report_door(p, &p->door[i], out);
		ir_tally_add(tally, p->door[i].err.code);
	}
	if (p->resume && p->n == 0)
		ir_warn(&p->common, "nothing is saved in %s", p->state.path);
	return 0;
}

/* --- opening ----------------------------------------------------------- */

static void
check_usage(const struct pause *p, int operands)
{
	if (p->all && operands)
		ir_die_usage("--all-regions and regions: one of them");
	if (p->resume && (p->all || p->no_baseline))
		ir_die_usage("--resume takes regions, or what was saved");
	if (p->mail_manager && p->no_baseline)
		ir_die_usage("--mail-manager: nobody counts what comes in "
		    "there");
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
		{ 0, "mail-manager", NULL, IR_BOOL, &p.mail_manager,
		    "close ingress points of Mail Manager instead" },
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
	out = ir_open_output(&p.common, p.mail_manager ? door_cols : cols);
	if (p.mail_manager) {
		(void)do_doors(&p, out, &tally, &err);
		goto out;
	}
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
