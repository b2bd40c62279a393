/*
 * dns_window.c - the window and the time-outs, against lines and servers that
 * are made up: no clock, no socket
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/dns_window.h"

#define FIRST_WAIT 1000000

/* --- a line, a server, and a client that uses the window ---------------- */

struct line {
	int64_t rtt;		/* us */
	unsigned permille;	/* lost on the way */
	int64_t service;	/* us for each question */
	size_t buffer;		/* questions that wait there at most */
};

enum kind { ARRIVES, ANSWERED };

struct event {
	int64_t at;
	enum kind kind;
	size_t name;
	unsigned try;
	int64_t sent;
};

struct world {
	struct line line;
	struct event *heap;
	size_t n;
	int64_t free_at;	/* the server is busy until then */
	size_t waiting;		/* in its buffer */
	uint32_t seed;
	struct ir_dns_window w;
	struct ir_dns_rto rto;
	struct { int64_t sent; unsigned try; char state; } *name;
	size_t names, next, flying, *again, nagain;
	/* results */
	size_t answered, unanswered, repeats, overrun, largest;
	int64_t took;
};

enum { NEW, FLYING, AGAIN, DONE };

static uint32_t
dice(struct world *x)
{
	x->seed = x->seed * 1664525u + 1013904223u;
	return x->seed >> 8;
}

static void
push(struct world *x, struct event e)
{
	size_t i = x->n++, up;
	struct event t;

	x->heap[i] = e;
	while (i && x->heap[up = (i - 1) / 2].at > x->heap[i].at) {
		t = x->heap[up];
		x->heap[up] = x->heap[i];
		x->heap[i] = t;
		i = up;
	}
}

static struct event
pop(struct world *x)
{
	struct event top = x->heap[0], t;
	size_t i = 0, k;

	x->heap[0] = x->heap[--x->n];
	for (;;) {
		k = 2 * i + 1;
		if (k >= x->n)
			return top;
		k += k + 1 < x->n && x->heap[k + 1].at < x->heap[k].at;
		if (x->heap[i].at <= x->heap[k].at)
			return top;
		t = x->heap[k];
		x->heap[k] = x->heap[i];
		x->heap[i] = t;
		i = k;
	}
}

static void
send_one(struct world *x, size_t i, int64_t now)
{
	struct event e = { now + x->line.rtt / 2, ARRIVES, i,
		x->name[i].try, now };

	x->name[i].sent = now;
	x->name[i].state = FLYING;
	x->flying++;
	if (dice(x) % 1000 >= x->line.permille)
		push(x, e);
}

static void
send_all(struct world *x, int64_t now)
{
	size_t room = ir_dns_window_room(&x->w, &x->rto, x->flying, now), n;

	for (n = 0; n < room; n++) {
		if (x->nagain)
			send_one(x, x->again[--x->nagain], now);
		else if (x->next < x->names)
			send_one(x, x->next++, now);
		else
			break;
	}
	ir_dns_window_sent(&x->w, n);
	if (n == room)
		ir_dns_window_full(&x->w);
}

/* It is looked at every millisecond, as the engine would be woken. */
static void
expire(struct world *x, int64_t now)
{
	size_t i;

	for (i = 0; i < x->next; i++) {
		if (x->name[i].state != FLYING || now - x->name[i].sent <
		    ir_dns_rto_wait(&x->rto, FIRST_WAIT, x->name[i].try))
			continue;
		ir_dns_window_lost(&x->w);
		x->flying--;
		if (++x->name[i].try == IR_DNS_TRIES) {
			x->name[i].state = DONE;
			x->unanswered++;
			continue;
		}
		x->name[i].state = AGAIN;
		x->again[x->nagain++] = i;
		x->repeats++;
	}
}

static void
arrives(struct world *x, struct event e)
{
	if (x->free_at < e.at) {
		x->free_at = e.at;
		x->waiting = 0;
	}
	x->waiting = (size_t)((x->free_at - e.at) / x->line.service);
	if (x->waiting >= x->line.buffer) {
		x->overrun++;
		return;
	}
	x->free_at += x->line.service;
	e.at = x->free_at + x->line.rtt / 2;
	e.kind = ANSWERED;
	push(x, e);
}

static void
answered(struct world *x, struct event e)
{
	size_t i;

	ir_dns_rto_sample(&x->rto, e.at - e.sent);
	ir_dns_window_answered(&x->w);
	if (x->name[e.name].state == FLYING)
		x->flying--;
	if (x->name[e.name].state == AGAIN)
		for (i = 0; i < x->nagain; i++)
			if (x->again[i] == e.name)
				x->again[i--] = x->again[--x->nagain];
	if (x->name[e.name].state != DONE)
		x->answered++;
	x->name[e.name].state = DONE;
}

/* Ask for all names; what came of it is in *x. */
static void
run(struct world *x, struct line line, size_t names)
{
	int64_t now = 0, looked = 0;
	struct event e;

	memset(x, 0, sizeof *x);
	x->line = line;
	x->names = names;
	x->seed = 7;
	x->heap = calloc(names * 2 * IR_DNS_TRIES, sizeof *x->heap);
	x->name = calloc(names, sizeof *x->name);
	x->again = calloc(names, sizeof *x->again);
	assert_true(x->heap && x->name && x->again);
	ir_dns_window_init(&x->w, 0, 0, 0);
	while (x->answered + x->unanswered < names) {
		send_all(x, now);
		if (x->w.size > x->largest)
			x->largest = x->w.size;
		now += 50;
		while (x->n && x->heap[0].at <= now) {
			e = pop(x);
			if (e.kind == ARRIVES)
				arrives(x, e);
			else
				answered(x, e);
		}
		if (now - looked >= 20000) {
			looked = now;
			expire(x, now);
		}
		ir_dns_window_tick(&x->w, &x->rto, now);
		assert_true(now < 600 * 1000000ll);
	}
	x->took = now;
	free(x->heap);
	free(x->name);
	free(x->again);
}

/* --- what has to come out ----------------------------------------------- */

static const struct line near = { 1000, 0, 5, 100000 };

static void
a_near_server_is_kept_busy(void **state)
{
	struct world x;

	(void)state;
	run(&x, near, 200000);
	assert_int_equal(x.answered, 200000);
	assert_int_equal(x.repeats, 0);
	/* 5 us each is one second */
	assert_in_range(x.took, 1000000, 1500000);
}

static void
the_round_trip_is_filled(void **state)
{
	struct line far = { 40000, 0, 5, 100000 }, moon = { 300000, 0, 5,
		100000 };
	struct world x;

	(void)state;
	run(&x, far, 200000);
	assert_int_equal(x.answered, 200000);
	assert_int_equal(x.repeats, 0);
	/* a window that stays at 64 would take 125 s */
	assert_in_range(x.took, 1000000, 4000000);
	run(&x, moon, 100000);
	assert_int_equal(x.answered, 100000);
	assert_in_range(x.took, 1000000, 12000000);
	assert_true(x.repeats < 1000);
}

static void
two_in_a_hundred_are_lost(void **state)
{
	static const int64_t rtt[] = { 1000, 40000, 300000 };
	struct line line = { 0, 20, 5, 100000 };
	struct world x;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		line.rtt = rtt[i];
		run(&x, line, 100000);
		assert_int_equal(x.answered, 100000);
		/* each about once, the window stays open */
		assert_in_range(x.repeats, 1500, 4500);
		assert_in_range(x.took, 500000, 20000000);
		if (rtt[i] >= 40000)
			assert_true(x.largest >= 1024);
	}
}

static void
every_fifth_is_lost(void **state)
{
	struct line line = { 40000, 200, 5, 100000 };
	struct world x;

	(void)state;
	run(&x, line, 5000);
	/* 0.2 to the power of 5 is 1 in 3000 */
	assert_true(x.unanswered <= 10);
	assert_int_equal(x.answered + x.unanswered, 5000);
	/* that is not a line to be filled */
	assert_true(x.w.size < 512);
}

static void
a_small_server_is_not_drowned(void **state)
{
	static const int64_t rtt[] = { 200, 1000, 40000 };
	struct line line = { 0, 0, 5, 170 };
	struct world x;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		line.rtt = rtt[i];
		run(&x, line, 100000);
		assert_int_equal(x.answered, 100000);
		assert_true(x.overrun < 5000);
	}
	/* ten times slower: the window must find out, not the names */
	line.service = 50;
	line.rtt = 1000;
	run(&x, line, 50000);
	assert_int_equal(x.answered, 50000);
	assert_true(x.overrun < 1000);
	assert_in_range(x.took, 2500000, 3500000);
}

static void
time_outs(void **state)
{
	struct ir_dns_rto r = { 0, 0, false };
	int i;

	(void)state;
	assert_int_equal(ir_dns_rto_wait(&r, 1000000, 0), 1000000);
	assert_int_equal(ir_dns_rto_wait(&r, 1000000, 1), 2000000);
	assert_int_equal(ir_dns_rto_wait(&r, 1000000, 4), 2000000);
	assert_int_equal(ir_dns_rto_wait(&r, 1000, 0), 250000);
	ir_dns_rto_sample(&r, 40000);
	assert_int_equal(ir_dns_rto_wait(&r, 0, 0), 250000);
	assert_int_equal(ir_dns_rto_wait(&r, 0, 2), 1000000);
	for (i = 0; i < 100; i++)
		ir_dns_rto_sample(&r, i % 2 ? 300000 : 500000);
	/* 400 ms and 100 ms to either side */
	assert_in_range(ir_dns_rto_wait(&r, 0, 0), 700000, 950000);
	for (i = 0; i < 100; i++)
		ir_dns_rto_sample(&r, 9000000);
	assert_int_equal(ir_dns_rto_wait(&r, 0, 0), 2000000);
}

static void
bounds(void **state)
{
	struct ir_dns_rto r = { 1000, 100, true }, none = { 0, 0, false };
	struct ir_dns_window w;
	int64_t now = 0;
	int i, k;

	(void)state;
	ir_dns_window_init(&w, 0, 8, 0);
	assert_int_equal(ir_dns_window_room(&w, &r, 0, 0), 8);
	assert_int_equal(ir_dns_window_room(&w, &r, 8, 0), 0);
	ir_dns_window_init(&w, 0, 0, 0);
	assert_int_equal(ir_dns_window_room(&w, &r, 0, 0), 64);
	ir_dns_window_sent(&w, 64);
	assert_int_equal(ir_dns_window_room(&w, &r, 64, 0), 0);
	/* a large one at the beginning: 64 at once, 64 a millisecond later */
	ir_dns_window_init(&w, 256, 0, 0);
	assert_int_equal(ir_dns_window_room(&w, &none, 0, 0), 64);
	ir_dns_window_sent(&w, 64);
	assert_int_equal(ir_dns_window_room(&w, &none, 64, 0), 0);
	assert_in_range(ir_dns_window_room(&w, &none, 64, 1000), 63, 64);
	ir_dns_window_init(&w, 0, 0, 0);
	/* nothing but losses */
	for (i = 0; i < 100; i++, now += 300000) {
		for (k = 0; k < 64; k++)
			ir_dns_window_lost(&w);
		ir_dns_window_tick(&w, &r, now);
	}
	assert_int_equal(w.size, IR_DNS_WINDOW_LEAST);
	/* nothing but more and more answers */
	for (i = 0; i < 400; i++, now += 20000) {
		for (k = 0; k < 10 << (i < 16 ? i : 16); k++)
			ir_dns_window_answered(&w);
		ir_dns_window_full(&w);
		ir_dns_window_tick(&w, &r, now);
	}
	assert_true(w.size <= IR_DNS_WINDOW_MOST);
	/* an epoch in which less was asked than would have been let out */
	ir_dns_window_init(&w, 0, 0, 0);
	for (i = 0; i < 40; i++) {
		ir_dns_window_answered(&w);
		ir_dns_window_tick(&w, &r, 20000 * i);
	}
	assert_int_equal(w.size, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_near_server_is_kept_busy),
		cmocka_unit_test(the_round_trip_is_filled),
		cmocka_unit_test(two_in_a_hundred_are_lost),
		cmocka_unit_test(every_fifth_is_lost),
		cmocka_unit_test(a_small_server_is_not_drowned),
		cmocka_unit_test(time_outs),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
