/*
 * sha256.h - SHA-256 (FIPS 180-4) without libcrypto, for programs that only
 * parse: mapping libcrypto costs them a millisecond and 1.5 MiB of 2.7.
 * Whoever has libcrypto anyway, or hashes much, takes ir_sha256_hex() of
 * file.h, which is faster.
 */
#ifndef IR_SHA256_H
#define IR_SHA256_H

#include <stddef.h>

/* Hex SHA-256 of bytes into out[65]. */
void ir_sha256_small(const void *bytes, size_t n, char out[65]);

#endif
