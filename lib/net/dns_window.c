/* dns_window.c - see dns_window.h */
#include <string.h>

#include "dns_window.h"

#define EPOCH_LEAST 20000	/* shorter ones measure only noise */
#define HOLD 16
#define LOST_LEAST 8		/* fewer prove nothing */
#define BURST 128
#define RTT_LEAST 100.0		/* for pacing; nearer than that needs none */
#define FIRST_RATE 0.064	/* questions a microsecond */

void
ir_dns_rto_sample(struct ir_dns_rto *r, int64_t rtt)
{
	int64_t off = r->srtt - rtt;

	if (!r->known) {
		r->known = true;
		r->srtt = rtt;
		r->var = rtt / 2;
		return;
	}
	r->var += ((off < 0 ? -off : off) - r->var) / 4;
	r->srtt -= off / 8;
}

int64_t
ir_dns_rto_wait(const struct ir_dns_rto *r, int64_t first, unsigned n)
{
	int64_t t = r->known ? r->srtt + 4 * r->var : first;

	if (t < IR_DNS_RTO_LEAST)
		t = IR_DNS_RTO_LEAST;
	while (n-- && t < IR_DNS_RTO_MOST)
		t *= 2;
	return t < IR_DNS_RTO_MOST ? t : IR_DNS_RTO_MOST;
}

void
ir_dns_window_init(struct ir_dns_window *w, size_t start, size_t max,
    int64_t now)
{
	memset(w, 0, sizeof *w);
	w->max = max && max < IR_DNS_WINDOW_MOST ? max : IR_DNS_WINDOW_MOST;
	w->size = start ? start : IR_DNS_WINDOW_START;
	if (w->size > w->max)
		w->size = w->max;
	w->open = w->size;
	w->began = now;
	w->credit = IR_DNS_WINDOW_START;
	w->credited = now;
}

size_t
ir_dns_window_room(struct ir_dns_window *w, const struct ir_dns_rto *r,
    size_t flying, int64_t now)
{
	double rtt = (double)r->srtt > RTT_LEAST ? (double)r->srtt :
	    RTT_LEAST;
	double rate = r->known ? 1.5 * (double)w->size / rtt : FIRST_RATE;

	w->credit += (double)(now - w->credited) * rate;
	w->credited = now;
	if (w->credit > BURST)
		w->credit = BURST;
	if (flying >= w->open)
		return 0;
	return w->open - flying < (size_t)w->credit ? w->open - flying :
	    (size_t)w->credit;
}

void
ir_dns_window_sent(struct ir_dns_window *w, size_t n)
{
	w->credit -= (double)n;
}

void
ir_dns_window_answered(struct ir_dns_window *w)
{
	w->answered++;
	if (w->open < w->size)
		w->open++;
}

void
ir_dns_window_lost(struct ir_dns_window *w)
{
	w->lost++;
}

void
ir_dns_window_full(struct ir_dns_window *w)
{
	w->full = true;
}

static void
resize(struct ir_dns_window *w, size_t size)
{
	size_t least = w->max < IR_DNS_WINDOW_LEAST ? w->max :
	    IR_DNS_WINDOW_LEAST;

	w->size = size < least ? least : size > w->max ? w->max : size;
	if (w->open > w->size)
		w->open = w->size;
}

/* What to do at the end of an epoch that brought rate answers a us. */
static void
adapt(struct ir_dns_window *w, double rate, int64_t now, int64_t rto)
{
	if (w->lost >= LOST_LEAST && w->lost * 10 > w->answered + w->lost) {
		/* what else was sent until now is lost as well */
		if (now >= w->halved) {
			resize(w, w->size / 2);
			w->halved = now + rto;
		}
		w->probing = false;
		w->hold = HOLD;
		return;
	}
	if (w->hold > 0) {
		w->hold--;
		return;
	}
	if (w->probing && rate < 1.15 * w->rate) {
		resize(w, w->size / 2);
		w->probing = false;
		w->hold = HOLD;
		return;
	}
	w->probing = w->full && w->size < w->max;
	w->rate = rate;
	if (w->probing)
		resize(w, w->size * 2);
}

void
ir_dns_window_tick(struct ir_dns_window *w, const struct ir_dns_rto *r,
    int64_t now)
{
	int64_t epoch = 2 * r->srtt, took = now - w->began;

	if (epoch < EPOCH_LEAST)
		epoch = EPOCH_LEAST;
	if (took < 0)
		w->answered = w->lost = 0;
	if (took < epoch || !r->known)
		return;
	adapt(w, (double)w->answered / (double)took, now,
	    ir_dns_rto_wait(r, 0, 0));
	/* what a doubling does is seen a round trip later */
	w->began = w->probing ? now + r->srtt : now;
	w->answered = w->lost = 0;
	w->full = false;
}
