/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The likely meant word: what an unknown option, plugin, choice or command was probably meant to be.
 *
 *     struct suggestion suggestion = suggestion_for("lisen");
 *     suggestion_offer(&suggestion, "listen");
 *     suggestion_best(&suggestion) is "listen"
 */
#ifndef CORE_BASE_SUGGEST_H
#define CORE_BASE_SUGGEST_H

#include <stddef.h>

struct suggestion {
    const char *word;
    const char *best;
    const char *likely; /* holds the word, or is held by it: "token", "auth_token" */
    size_t distance;    /* of `best`; before the first close candidate, the least distance that is too far */
};

struct suggestion suggestion_for(const char *word);
/* A word that would be valid. It must live as long as the suggestion is used. */
void suggestion_offer(struct suggestion *suggestion, const char *candidate);
/* The closest candidate, or else the shortest one that has a part in common; NULL: none is like it. */
const char *suggestion_best(const struct suggestion *suggestion);

/* printf: "%s%s%s" takes SUGGESTION(best) and says "; did you mean 'best'?" or nothing. */
#define SUGGESTION(best) (best) ? "; did you mean '" : "", (best) ? (best) : "", (best) ? "'?" : ""

#endif
