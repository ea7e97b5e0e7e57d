/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The core's own host services, for tests of plugins and libraries that link with the core, as plugins/ must not
 * include its headers.
 */
#ifndef TESTS_UNIT_CORE_HOST_H
#define TESTS_UNIT_CORE_HOST_H

#include "core/base/log.h"
#include "core/base/message.h"
#include "core/worker/worker.h"

#endif
