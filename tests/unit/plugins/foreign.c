/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A module of some other program: it does not export hopgate_plugin().
 */
__attribute__((visibility("default"))) int some_other_program(void);

int some_other_program(void)
{
    return 1;
}
