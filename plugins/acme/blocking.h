/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * HTTP requests and the operator's programs for tasks: each call returns when it is done, or when the task is
 * cancelled.
 */
#ifndef ACME_BLOCKING_H
#define ACME_BLOCKING_H

#include "plugins/lib/hook/hook.h"
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/task/task.h"

const struct https_response *acme_blocking_https(struct task *task, struct https *https,
                                                 const struct https_request *request);

/* NULL: the program has exited with status 0. Otherwise the error. */
const char *acme_blocking_hook(struct task *task, const struct hook_call *call);

#endif
