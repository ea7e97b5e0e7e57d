/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/suggest.h"

#include <stdbool.h>
#include <string.h>

enum {
    WORD_MAX = 48, /* longer words get no suggestion */
    PART_MIN = 3,  /* the shortest part in common that counts */
};

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' ? '_' : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours cost 1 each.
 * Differences in case and between "-" and "_" cost nothing. Both words are at most WORD_MAX long. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2], *turn;

    for (size_t j = 0; j <= b_size; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + (fold(a[i - 1]) != fold(b[j - 1])));
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        turn = before;
        before = above;
        above = row;
        row = turn;
    }
    return above[b_size];
}

struct suggestion suggestion_for(const char *word)
{
    /* One typo in a short word, one more for every four letters. */
    return (struct suggestion){.word = word, .distance = 2 + strlen(word) / 4};
}

/* Whether `whole` contains `part` at the beginning of a word, as "acme_http01" contains "http"; `complete`: also at the
 * end of one. */
static bool holds(const char *whole, const char *part, bool complete)
{
    size_t size = strlen(part);

    if (size < PART_MIN)
        return false;
    for (const char *at = whole; *at; at++) {
        size_t same = 0;

        if (at > whole && fold(at[-1]) != '_')
            continue;
        while (same < size && at[same] && fold(at[same]) == fold(part[same]))
            same++;
        if (same == size && (!complete || !at[same] || fold(at[same]) == '_'))
            return true;
    }
    return false;
}

void suggestion_offer(struct suggestion *suggestion, const char *candidate)
{
    size_t word_size = strlen(suggestion->word), size = strlen(candidate), apart;

    if (word_size == 0 || size == 0 || word_size > WORD_MAX || size > WORD_MAX)
        return;
    if ((!suggestion->likely || size < strlen(suggestion->likely)) &&
        (holds(candidate, suggestion->word, false) || holds(suggestion->word, candidate, true)))
        suggestion->likely = candidate;
    apart = distance(suggestion->word, word_size, candidate, size);
    /* Words with as many typos as letters are not similar. */
    if (apart >= suggestion->distance || apart >= least(word_size, size))
        return;
    suggestion->best = candidate;
    suggestion->distance = apart;
}

const char *suggestion_best(const struct suggestion *suggestion)
{
    return suggestion->best ? suggestion->best : suggestion->likely;
}
