/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
