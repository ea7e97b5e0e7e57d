/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Passes every file in the given folders to a fuzz target, so that `make check` tries the saved inputs with any
 * compiler. Fails if there are none.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input has its own allocation, so that a sanitizer notices a read beyond it. */
static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) {
        perror(path);
        return -1;
    }
    data = malloc((size_t)size + !size);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        return -1;
    }
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 0;
}

static int replay_folder(const char *folder, unsigned *count)
{
    DIR *files = opendir(folder);
    struct dirent *entry;
    int result = 0;

    if (!files) {
        perror(folder);
        return -1;
    }
    while (!result && (entry = readdir(files))) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        result = replay(path);
        ++*count;
    }
    closedir(files);
    return result;
}

int main(int argc, char **argv)
{
    const char *top = getenv("HG_SRCDIR");
    unsigned count = 0;

    for (int i = 1; i < argc; i++)
        if (replay_folder(argv[i], &count))
            return EXIT_FAILURE;
    if (argc == 1) {
        char folder[4096];

        snprintf(folder, sizeof folder, "%s/tests/fuzz/" FUZZ_CORPUS, top ? top : ".");
        if (replay_folder(folder, &count))
            return EXIT_FAILURE;
    }
    printf("%u inputs\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
