/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The user that the program becomes, and what that one can read.
 */
#ifndef CORE_CONFIG_PRIVILEGES_H
#define CORE_CONFIG_PRIVILEGES_H

#include "core/config/document.h"

/* Whether the program can become that user, or is it already; NULL: it stays who it is. The fault of it goes to `at`.
 */
bool user_check(struct config *config, const struct config_node *at, const char *name);
/* Becomes that user. 0, or -1 after the log says why. Only after user_check(). */
int user_become(const char *name);

/* Looks at the files that the config names (config_note_file()): a fault for each that `user:` of the config cannot
 * read when it is to be read again. NULL: none. */
void user_check_files(struct config *config, const char *name);
/* Where the config has faults and another user than root runs this: a warning for each file that this user cannot read,
 * with what to do about it. */
void user_check_own(struct config *config);
/* Where root looks at a config without `user:` in a folder hopgate, such as /etc/hopgate: a warning for each file that
 * the user of the systemd units cannot read. */
void user_check_units(struct config *config);

#endif
