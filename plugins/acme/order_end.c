/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How an order ends, and what that means for the next attempt.
 */
#include "plugins/acme/order_parts.h"

#include <stdio.h>

static void end(struct acme_order *order, enum acme_outcome outcome, const struct acme_answer *failure)
{
    const bool limited = outcome == ACME_LIMITED;
    struct acme_result result = {.outcome = outcome,
                                 .error = order->error,
                                 .kind = order->kind ? order->kind : "other",
                                 .retry_after = limited ? failure->retry_after : 0,
                                 .of_account = limited && failure->of_account,
                                 .of_names = failure && failure->of_names,
                                 .worked = order->worked,
                                 .resumable = order->finalized};

    /* What is not handed over, since it is of no use, is freed with the order. */
    if (outcome == ACME_ISSUED || outcome == ACME_LOST) {
        result.pair = order->pair;
        result.pem = order->pem;
        order->pair = NULL;
        order->pem = NULL;
    }
    order->ended(order->arg, &result);
}

void acme_order_end(struct acme_order *order, enum acme_outcome outcome)
{
    end(order, outcome, NULL);
}

void acme_order_end_text(struct acme_order *order, enum acme_outcome outcome, const char *what, const char *error)
{
    snprintf(order->error, sizeof order->error, "%s%s%s", what, *what ? ": " : "", error);
    acme_order_end(order, outcome);
}

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types; types++)
        if (!strcmp(type, *types))
            return true;
    return false;
}

bool acme_order_is_refusal(const struct acme_answer *answer)
{
    return answer->status / 100 == 4 && answer->status != 429;
}

void acme_order_fail(struct acme_order *order, const char *what, const struct acme_answer *answer)
{
    static const char *const rejections[] = {"rejectedIdentifier", "unsupportedIdentifier", "caa", NULL};

    order->kind = acme_problem_kind(answer);
    snprintf(order->error, sizeof order->error, "%s%s%s", what, *what ? ": " : "", answer->error);
    if (acme_account_blame(order->ca->account, answer)) {
        acme_order_forget(order); /* its order belonged to that account */
        acme_order_end(order, ACME_AGAIN);
    } else if (answer->status == 429 || answer->status == 503 || !strcmp(answer->type, "rateLimited")) {
        end(order, ACME_LIMITED, answer);
    } else {
        end(order, is_one_of(answer->type, rejections) ? ACME_REJECTED : ACME_FAILED, answer);
    }
}

void acme_order_end_memory(struct acme_order *order)
{
    acme_order_end_text(order, ACME_FAILED, "", "out of memory");
}
