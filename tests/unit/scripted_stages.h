/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Stages that do as they are told, watch that they are treated as <hopgate/stage.h> promises, and compare every byte;
 * and the edge above them.
 */
#ifndef TESTS_UNIT_SCRIPTED_STAGES_H
#define TESTS_UNIT_SCRIPTED_STAGES_H

#include "tests/unit/worker_fixture.h"

/* ---- A stage ---- */

enum manner {
    MANNER_PASS,   /* no data callback: zero-copy */
    MANNER_BYPASS, /* attach answers BYPASS */
    MANNER_FILTER, /* takes data, in random pieces, and emits it again */
    MANNER_ANSWER, /* takes the exchange and answers with the bytes of its own pattern */
};

struct script {
    enum manner manner;
    bool pauses;         /* pauses heads and ends now and then */
    bool answers_early;  /* MANNER_ANSWER: does not wait for the request's end */
    size_t answer_size;  /* MANNER_ANSWER: bytes of the response */
    unsigned interims;   /* MANNER_ANSWER: 1xx heads before the final one */
    bool take_responses; /* answers in the place of what is below */
    bool fail_heads;     /* head answers ERROR */
    bool doubles_head; /* MANNER_FILTER: emits a final response head of its own before the one that came, paused … */
    bool doubles_end;  /* … the same for the end */
    size_t *budget;    /* MANNER_ANSWER: takes that many bytes of the request at most; NULL: all */
    bool overrun;      /* MANNER_ANSWER: emits more than its credit */
    struct watch *watch;
};

/* What all stages of one test share. */
struct watch {
    unsigned first_seed, seed;
    unsigned attached, detached, resets;
    struct hg_reason reason; /* of the last reset */
    char detail[256];
    struct hg_self *bottom;     /* who answers */
    struct hg_self *paused[64]; /* who waits for a resume, and in which direction */
    enum hg_direction directions[64];
    size_t paused_count;
    bool in_callback;
};

/* A random number. */
unsigned draw(struct watch *watch, unsigned below);
/* Lets a stage of MANNER_ANSWER answer now. */
void answer(struct hg_self *self);

/* ---- The edge ---- */

struct caller {
    struct watch *watch; /* the first members are those of struct script that the shared functions look at */
    struct hg_self *self;
    uint64_t request_size, sent, got;
    unsigned heads, interims, ends, resets, detaches, writables;
    int status;
    bool stalled; /* reads nothing of the response */
    struct hg_reason reason;
    char detail[256];
    struct hg_outcome outcome; /* `detail` of it is gone */
};

#define MOST_PARTS 8

/* A pipeline of an edge and `count` stages below it. */
struct fixture *start(struct script *scripts, size_t count);
/* Makes a request. */
void call(struct fixture *fixture, struct caller *caller);
/* Turns the loop and lets who has paused go on, until the exchange is over. */
void run_to_end(struct fixture *fixture, struct watch *watch, const struct caller *caller);
void check_complete(const struct caller *caller, size_t answer_size);

#endif
