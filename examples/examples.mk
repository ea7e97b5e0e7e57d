# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Not built here: an example is for those who have hopgate installed, and so does tests/e2e/install.py build it.
EXTRA_DIST += examples/add_header/Makefile examples/add_header/add_header.c
