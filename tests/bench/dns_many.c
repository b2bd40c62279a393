/*
 * dns_many - SERVER FILE [SECONDS [WINDOW]]: ask for the A records of the
 * names in FILE, one a line; what is listed goes to standard output
 *
 * To standard error, one line: names asked, listed, absent, unanswered;
 * seconds; CPU microseconds a name; KiB of memory at most and at the start;
 * questions sent again, packets not believed, ports used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/text.h"
#include "net/dns.h"

struct run {
	FILE *names;
	size_t asked, listed, absent, failed;
};

static bool
next(struct ir_dns_query *q, void *arg)
{
	struct run *r = arg;

	if (!fgets(q->name, sizeof q->name, r->names))
		return false;
	q->name[strcspn(q->name, "\n")] = '\0';
	q->type = IR_DNS_A;
	r->asked++;
	return true;
}

static void
done(struct ir_dns_query *q, void *arg)
{
	struct run *r = arg;

	if (q->status == IR_DNS_OK) {
		r->listed++;
		printf("%s A %s\n", q->name, q->answer[0].text);
	} else if (q->status == IR_DNS_NXDOMAIN) {
		r->absent++;
	} else {
		r->failed++;
	}
}

static double
cpu_us(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e6 +
	    (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
	struct ir_dns_opts o = { .next = next };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_stats st;
	struct run r = { 0 };
	struct rusage before, after;
	struct ir_dns *d;
	int64_t began;

	if (argc < 3)
		return 64;
	o.resolver = argv[1];
	r.names = fopen(argv[2], "re");
	if (!r.names)
		return 66;
	o.deadline_ms = 1000 * (argc > 3 ? atoi(argv[3]) : 60);
	o.in_flight = argc > 4 ? (size_t)atoi(argv[4]) : 0;
	getrusage(RUSAGE_SELF, &before);
	began = ir_mono_ms();
	if (ir_dns_open(&d, &o, done, &r, &err) || ir_dns_wait(d, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return 71;
	}
	ir_dns_stats(d, &st);
	ir_dns_close(d);
	getrusage(RUSAGE_SELF, &after);
	fprintf(stderr, "%zu %zu %zu %zu %.3f %.2f %ld %ld %llu %llu %llu\n",
	    r.asked, r.listed, r.absent, r.failed,
	    (double)(ir_mono_ms() - began) / 1000,
	    (cpu_us(&after) - cpu_us(&before)) / (double)(r.asked + !r.asked),
	    after.ru_maxrss, before.ru_maxrss,
	    (unsigned long long)st.repeats, (unsigned long long)st.strays,
	    (unsigned long long)st.ports);
	fclose(r.names);
	return r.failed != 0;
}
