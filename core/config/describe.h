/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Describes option tables: `hopgate describe NAME`, and the option section of a manual page.
 *
 * Both have the same content in the same order: each option with its type, whether it is required, its default and its
 * range, then its description, then the options inside it. A test compares the manual pages with this output, so a page
 * is written by copying `hopgate describe --man NAME` between `.\" options: begin` and `.\" options: end`.
 */
#ifndef CORE_CONFIG_DESCRIBE_H
#define CORE_CONFIG_DESCRIBE_H

#include "core/base/cold.h"

#include <hopgate/option.h>
#include <stdio.h>

/* Lines of at most 80 columns, indented by `indent` spaces. "None." for an empty table. */
COLD void describe_text(FILE *out, const struct hg_option *table, int indent);
/* The same as lines of a manual page (man(7)). */
COLD void describe_manual(FILE *out, const struct hg_option *table);

#endif
