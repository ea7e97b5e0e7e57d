/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The user that the program becomes, and which files that user can read.
 */
#ifndef CORE_CONFIG_PRIVILEGES_H
#define CORE_CONFIG_PRIVILEGES_H

#include "core/base/cold.h"
#include "core/config/document.h"

/* Whether the program can become that user, or already is; NULL: it does not change. An error is reported at `at`.
 */
COLD bool user_check(struct config *config, const struct config_node *at, const char *name);
/* Becomes that user. Returns 0, or -1 with the reason logged. Only after user_check(). */
COLD int user_become(const char *name);

/* Checks the files that the config names (config_note_file()): reports an error for each that is reread later and that
 * the config's `user:` cannot read. `name` is NULL if there is none. */
COLD void user_check_files(struct config *config, const char *name);
/* If the config has errors and the program is not run by root: warns of each file that this user cannot read, and says
 * what to do about it. */
COLD void user_check_own(struct config *config);
/* If root checks a config without `user:` in a folder named hopgate, such as /etc/hopgate: warns of each file that the
 * user of the systemd units cannot read. */
COLD void user_check_units(struct config *config);

#endif
