/*
 * xml.h - an XML answer of AWS (query and EC2 protocols) as a tree, in the
 * form that client.h describes.  Pure.  xml.c is the only file that knows
 * expat.
 *
 * A document type declaration is an error, so there are no entities.  So are
 * nesting deeper than IR_XML_DEPTH, more than IR_XML_NODES elements, and an
 * element that comes twice among others (it would be lost).  Attributes and
 * name spaces are passed over.
 */
#ifndef IR_XML_H
#define IR_XML_H

#include <stddef.h>

#include "../core/err.h"
#include "../core/record.h"
#include "../core/secret.h"

#define IR_XML_DEPTH 32
#define IR_XML_NODES 200000
#define IR_XML_MAX (16u << 20)	/* bytes of one answer */

/*
 * The root's name must end in "Response".  Its one child that ends in
 * "Result" is what is returned, else the root without ResponseMetadata.  An
 * empty element is the empty string, also where AWS means an empty list.
 * secret_name (may be NULL): the leaf of that name goes to *secret.
 * NULL, and 76, or 71.
 */
struct ir_rec *ir_xml_parse(const char *bytes, size_t n,
    const char *secret_name, struct ir_secret *secret, struct ir_err *err);

#endif
