/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Problem documents (RFC 7807, RFC 8555 section 6.7).
 */
#ifndef ACME_PROBLEM_H
#define ACME_PROBLEM_H

#include <jansson.h>
#include <stddef.h>

/* As a person wants to read it: "type: detail; name: detail ...", in one line. */
void acme_problem_print(const json_t *problem, char *text, size_t size);
/* Its type without the prefix; "" if there is none. */
const char *acme_problem_type(const json_t *problem);
/* One of a bounded number of words for a failure of that type: the type if a standard has it, "unreachable" where
 * `status` is 0, else "other". */
const char *acme_problem_kind(const char *type, int status);

#endif
