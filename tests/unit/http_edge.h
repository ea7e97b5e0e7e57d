/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The http edge, for tests of plugins in a pipeline with it.
 */
#ifndef TESTS_UNIT_HTTP_EDGE_H
#define TESTS_UNIT_HTTP_EDGE_H

#include "plugins/http/http.h"

const struct hg_plugin *http_plugin(void);

#endif
