/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Problem documents (RFC 7807, RFC 8555 section 6.7).
 */
#ifndef ACME_PROBLEM_H
#define ACME_PROBLEM_H

#include <jansson.h>
#include <stddef.h>

/* For humans, in one line: "type: detail; name: type: detail; ..." */
void acme_problem_print(const json_t *problem, char *text, size_t size);
/* The type without its prefix, or "". */
const char *acme_problem_type(const json_t *problem);
/* For metrics: the type if a standard has it, "unreachable" if `status` is 0, or "other". */
const char *acme_problem_kind(const char *type, int status);

#endif
