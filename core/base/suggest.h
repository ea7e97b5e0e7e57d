/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Suggests what an unknown option, plugin, choice or command was probably meant to be.
 *
 *     struct suggestion suggestion = suggestion_for("lisen");
 *     suggestion_offer(&suggestion, "listen");
 *     suggestion_best(&suggestion) is "listen"
 */
#ifndef CORE_BASE_SUGGEST_H
#define CORE_BASE_SUGGEST_H

#include "core/base/cold.h"

#include <stddef.h>

struct suggestion {
    const char *word;
    const char *best;
    const char *likely; /* contains the word, or is contained in it: "token", "auth_token" */
    size_t distance;    /* of `best`; until there is a close candidate, the smallest distance that is too far */
};

COLD struct suggestion suggestion_for(const char *word);
/* Adds a valid word as a candidate. It must live as long as the suggestion is used. */
COLD void suggestion_offer(struct suggestion *suggestion, const char *candidate);
/* The closest candidate, else the shortest one with a part in common; NULL: none is similar. */
COLD const char *suggestion_best(const struct suggestion *suggestion);

/* For printf: "%s%s%s" with SUGGESTION(best) prints "; did you mean 'best'?" or nothing. */
#define SUGGESTION(best) (best) ? "; did you mean '" : "", (best) ? (best) : "", (best) ? "'?" : ""

#endif
