/* version.h - what --version prints; the Makefile sets both. */
#ifndef IR_VERSION_H
#define IR_VERSION_H

#ifndef QUELL_VERSION
#define QUELL_VERSION "0"
#endif
#ifndef QUELL_BUILD
#define QUELL_BUILD "built without pkg-config"
#endif

#endif
