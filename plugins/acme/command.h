/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * hopgate acme ...
 */
#ifndef ACME_COMMAND_H
#define ACME_COMMAND_H

#include <hopgate/plugin.h>

#define ACME_USAGE "status [NAME] | renew NAME | revoke NAME [SERIAL]   -c FILE"

void acme_command(struct hg_worker *worker, int argc, char **argv);

#endif
