/* Two functions of musl, because a snapshot has to know what they know: where memory is mapped, and what time
 * it is. Linked before musl's, they take the place of those.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "snapshot.h"

#ifdef __x86_64__
#define CLOCK_VERSION "LINUX_2.6"
#define CLOCK_NAME "__vdso_clock_gettime"
#else
#define CLOCK_VERSION "LINUX_2.6.39"
#define CLOCK_NAME "__kernel_clock_gettime"
#endif

extern void *__vdsosym(const char *version, const char *name);
/* Only a program with barriers between processes has it. */
extern void __vm_wait(void) __attribute__((weak));

uintptr_t snapshot_next_mapping;

static int (*kernel_clock)(clockid_t, struct timespec *);

void find_clock(void) {
    kernel_clock = (int (*)(clockid_t, struct timespec *))__vdsosym(CLOCK_VERSION, CLOCK_NAME);
}

int __clock_gettime(clockid_t clock, struct timespec *time) {
    if (snapshot_next_mapping != 0) {
        /* In what becomes a snapshot time stands still: it is the same each time it is built. Not at 0, which may mean
         * that something has never been. */
        *time = (struct timespec){.tv_sec = 1};
        return 0;
    }
    if (kernel_clock != NULL && kernel_clock(clock, time) == 0) {
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, time);
}

int clock_gettime(clockid_t clock, struct timespec *time) { return __clock_gettime(clock, time); }

/* The next free address: mimalloc wants its segments at multiples of their size, which is 32 MiB. */
static void *next_mapping(size_t size) {
    const uintptr_t alignment = size < (32 << 20) ? SNAPSHOT_PAGE : 32 << 20;
    uintptr_t address = (snapshot_next_mapping + alignment - 1) & -alignment;
    snapshot_next_mapping = (address + size + SNAPSHOT_PAGE - 1) & -(uintptr_t)SNAPSHOT_PAGE;
    return (void *)address;
}

void *__mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (flags & MAP_FIXED) {
        if (__vm_wait) {
            __vm_wait();
        }
    } else if (snapshot_next_mapping != 0) {
        if (size > (256 << 20)) {
            /* mimalloc asks for 1 GiB to begin with, and does without. */
            errno = ENOMEM;
            return MAP_FAILED;
        }
        address = next_mapping(size);
        flags |= MAP_FIXED_NOREPLACE;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return __mmap(address, size, protection, flags, fd, offset);
}
