/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Stages that follow a script, check that they are treated as <hopgate/stage.h> promises, and compare every byte; and
 * an edge above them.
 */
#ifndef TESTS_UNIT_SCRIPTED_STAGES_H
#define TESTS_UNIT_SCRIPTED_STAGES_H

#include "tests/unit/worker_fixture.h"

/* ---- A stage ---- */

enum manner {
    MANNER_PASS,   /* no data callback: zero-copy */
    MANNER_BYPASS, /* attach returns BYPASS */
    MANNER_FILTER, /* takes data in random pieces and emits it again */
    MANNER_ANSWER, /* takes the exchange and answers with its own pattern */
};

struct script {
    enum manner manner;
    bool pauses;         /* sometimes pauses heads and ends */
    bool answers_early;  /* MANNER_ANSWER: does not wait for the end of the request */
    size_t answer_size;  /* MANNER_ANSWER: size of the response */
    unsigned interims;   /* MANNER_ANSWER: 1xx heads before the final one */
    bool take_responses; /* answers in place of the stages below */
    bool fail_heads;     /* head returns ERROR */
    bool doubles_head;   /* MANNER_FILTER: emits a final response head of its own before a paused one passes … */
    bool doubles_end;    /* … the same for the end */
    size_t *budget;      /* MANNER_ANSWER: takes at most that many bytes of the request; NULL: all */
    bool overrun;        /* MANNER_ANSWER: emits more than its credit */
    struct watch *watch;
};

/* Shared by all stages of a test. */
struct watch {
    unsigned first_seed, seed;
    unsigned attached, detached, resets;
    struct hg_reason reason; /* of the last reset */
    char detail[256];
    struct hg_self *bottom;     /* the stage that answers */
    struct hg_self *paused[64]; /* stages waiting for a resume, with the direction */
    enum hg_direction directions[64];
    size_t paused_count;
    bool in_callback;
};

/* A random number. */
unsigned draw(struct watch *watch, unsigned below);
/* Makes a stage of MANNER_ANSWER answer now. */
void answer(struct hg_self *self);

/* ---- The edge ---- */

struct caller {
    struct watch *watch; /* the first members are those of struct script that the shared functions use */
    struct hg_self *self;
    uint64_t request_size, sent, got;
    unsigned heads, interims, ends, resets, detaches, writables;
    int status;
    bool stalled; /* does not read the response */
    struct hg_reason reason;
    char detail[256];
    struct hg_outcome outcome; /* its `detail` is no longer valid */
};

#define MOST_PARTS 8

/* A pipeline of an edge and `count` stages below it. */
struct fixture *start(struct script *scripts, size_t count);
/* Makes a request. */
void call(struct fixture *fixture, struct caller *caller);
/* Runs the loop and resumes paused stages until the exchange is over. */
void run_to_end(struct fixture *fixture, struct watch *watch, const struct caller *caller);
void check_complete(const struct caller *caller, size_t answer_size);

#endif
