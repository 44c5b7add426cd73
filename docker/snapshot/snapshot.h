/* A snapshot: the memory of a process that has done all its imports, kept in the file behind the program, so that a
 * start maps it instead of importing again. docs/decisions/ says how, and what it costs.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNAPSHOT_PAGE = 4096, SNAPSHOT_REGIONS = 32, SNAPSHOT_PIECES = 96 };

/* Memory that is not the program's own: taken whole, and filled with zeros. */
struct region {
    uintptr_t address;
    size_t size;
    int protection;
};

/* Memory with contents: this part of the file, over the program's data or over a region. */
struct piece {
    uintptr_t address;
    size_t size;
    int64_t offset;
};

/* Where the snapshot lies in the file. The program is linked with an empty one; `snapshot_write` fills it in. */
struct snapshot {
    uint64_t identity; /* Stands at `offset` too: an emulator may open another file than the one it runs. */
    int64_t offset;
    uintptr_t thread_locals;
    size_t thread_locals_size;
    size_t region_count;
    size_t piece_count;
    struct region regions[SNAPSHOT_REGIONS];
    struct piece pieces[SNAPSHOT_PIECES]; /* Those over the program's data come last. */
};
extern const volatile struct snapshot snapshot;

/* How this process has started, in words: "restored", or why it was not. */
extern const char *snapshot_start_kind;

/* What SUPERVISOR_SNAPSHOT says, empty if it is not set. */
extern const char *snapshot_wish;

/* The wish to write the snapshot to the file whose name follows. Only a file without one grants it. */
#define SNAPSHOT_WRITE "write:"

/* Where the wish is granted all memory is mapped from here on, one mapping after the other: nothing may lie where chance
 * put it. Below what 39 bits can address, and above everything that the kernel places near the program. */
#define SNAPSHOT_MEMORY ((uintptr_t)0x1000000000)
extern uintptr_t snapshot_next_mapping; /* 0 where the kernel chooses, as everywhere else. */

/* Learns where the kernel keeps its clock, which differs from process to process. Until then the clock costs a call. */
void find_clock(void);

/* Writes this program with a snapshot of this process.
 * Returns what is in the way, or NULL. */
const char *snapshot_write(const char *path);

/* Called instead of main() in a process that was restored. */
int resume(int argc, char **argv, char **envp);

#endif
