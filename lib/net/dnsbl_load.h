/*
 * dnsbl_load.h - find and read the tables of lists and their access keys.
 */
#ifndef IR_DNSBL_LOAD_H
#define IR_DNSBL_LOAD_H

#include "dnsbl.h"

#define IR_DNSBL_ETC "/etc/quell/dnsbl.zones"
#define IR_DNSBL_ETC_KEYS "/etc/quell/dnsbl.keys"

struct ir_dnsbl_tables {
	struct ir_dnsbl_table table;	/* what to ask */
	struct ir_dnsbl_table shipped;	/* for its dead lists; may be empty */
	bool own;		/* table came from the caller's file */
	char missing[256];	/* the one that ships, when it is not there */
};

/*
 * path, else /etc/quell/dnsbl.zones, else the table that ships; but for
 * path, what stands in $XDG_CONFIG_HOME/quell/dnsbl.zones (~/.config) is
 * added.  0, or -1: 66 no table, 78 a mistake in one, 71.
 */
int ir_dnsbl_load(struct ir_dnsbl_tables *t, const char *path,
    struct ir_err *err);
void ir_dnsbl_tables_free(struct ir_dnsbl_tables *t);

/*
 * Give the zones their keys: lines "NAME KEY", '#' begins a comment.  path
 * (else /etc/quell/dnsbl.keys and the user's dnsbl.keys beside the table,
 * where there are such) must be ours alone.  0, or -1: 66, 78.
 */
int ir_dnsbl_load_keys(struct ir_dnsbl_table *t, const char *path,
    struct ir_err *err);

/* The same from bytes; pure. */
int ir_dnsbl_keys(struct ir_dnsbl_table *t, const char *text, size_t n,
    const char *name, struct ir_err *err);

/*
 * The zone of that name, made (IPv4, of the usual form) when the table does
 * not have it.  A name with a key in it is the zone with that key.  0, or
 * -1: 64.
 */
int ir_dnsbl_choose(struct ir_dnsbl_table *t, const char *name,
    struct ir_err *err);

#endif
