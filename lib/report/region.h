/*
 * region.h - AWS region codes, and the names that notices call them by.
 * Source: "AWS Regions" of the AWS general reference, 2026.
 */
#ifndef IR_REGION_H
#define IR_REGION_H

#include <stddef.h>

/*
 * The code at s (of n bytes), as "ap-northeast-1": its length, else 0.  Any
 * code of that form is taken, so that a new region is no surprise.
 */
size_t ir_region_code(const char *s, size_t n);

/*
 * The region whose display name begins at s: "Asia Pacific (Tokyo)",
 * "(Tokyo)", in English or Japanese.  *used is its length.  NULL: none.
 */
const char *ir_region_named(const char *s, size_t n, size_t *used);

/* The same for the bare name, "Tokyo": only where a region must stand. */
const char *ir_region_city(const char *s, size_t n, size_t *used);

#endif
