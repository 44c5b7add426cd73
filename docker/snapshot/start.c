/* The first code of the program, before the C library is there: maps the snapshot and goes on in it, or leaves all as
 * it is and starts the program plainly.
 *
 * Nothing here may use the C library's state: no errno, no memory of its own but the stack.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "snapshot.h"

/* Named `snapshot_start`; to the linker this is the program's entry. */
#ifdef __x86_64__
__asm__(".global snapshot_start\n"
        "snapshot_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rbx\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call restore_or_return\n"
        "    mov %rbx, %rsp\n"
        "    xor %edx, %edx\n"
        "    jmp _start\n");
#else
__asm__(".global snapshot_start\n"
        "snapshot_start:\n"
        "    mov x29, #0\n"
        "    mov x30, #0\n"
        "    mov x19, sp\n"
        "    mov x0, sp\n"
        "    bl restore_or_return\n"
        "    mov sp, x19\n"
        "    b _start\n");
#endif

static long kernel(long number, long a, long b, long c, long d, long e, long f) {
#ifdef __x86_64__
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return number;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}

/* Whether this memory could be had, at this very address. An old kernel takes the address for a hint. */
static bool map(uintptr_t address, size_t size, int protection, int flags, int fd, int64_t offset) {
    long got = kernel(SYS_mmap, (long)address, (long)size, protection, flags, fd, offset);
    if (got == (long)address) {
        return true;
    }
    if (got >= 0) {
        kernel(SYS_munmap, got, (long)size, 0, 0, 0, 0);
    }
    return false;
}

static bool map_piece(size_t i, int fd) {
    const volatile struct piece *piece = &snapshot.pieces[i];
    return map(piece->address, piece->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, piece->offset);
}

/* Maps all that is not the program's own data. What cannot be completed is undone. */
static bool map_regions(int fd, size_t pieces) {
    size_t regions = 0;
    size_t i = 0;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    while (regions < snapshot.region_count &&
           map(snapshot.regions[regions].address, snapshot.regions[regions].size, snapshot.regions[regions].protection,
               flags, -1, 0)) {
        regions++;
    }
    if (regions == snapshot.region_count) {
        while (i < pieces && map_piece(i, fd)) {
            i++;
        }
        if (i == pieces) {
            return true;
        }
    }
    while (regions-- > 0) {
        kernel(SYS_munmap, (long)snapshot.regions[regions].address, (long)snapshot.regions[regions].size, 0, 0, 0, 0);
    }
    return false;
}

const volatile struct snapshot snapshot __attribute__((section(".rodata.snapshot"))) = {0};
const char *snapshot_start_kind = "this file holds no snapshot";
const char *snapshot_wish = "";

static const char *wish(char **environ) {
    static const char variable[] = "SUPERVISOR_SNAPSHOT=";
    for (; *environ != NULL; environ++) {
        if (strncmp(*environ, variable, sizeof variable - 1) == 0) {
            return *environ + sizeof variable - 1;
        }
    }
    return "";
}

static unsigned long auxiliary(unsigned long *auxiliary_vector, unsigned long type) {
    for (; *auxiliary_vector != AT_NULL; auxiliary_vector += 2) {
        if (*auxiliary_vector == type) {
            return auxiliary_vector[1];
        }
    }
    return 0;
}

/* So that all memory lies where the same build would put it again: the heap does not grow where chance has put its end,
 * and the random numbers that the kernel hands out at a start are none. */
static void settle(unsigned long *auxiliary_vector) {
    uintptr_t end = (uintptr_t)kernel(SYS_brk, 0, 0, 0, 0, 0, 0);
    map((end + SNAPSHOT_PAGE - 1) & -(uintptr_t)SNAPSHOT_PAGE, SNAPSHOT_PAGE, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    memset((void *)auxiliary(auxiliary_vector, AT_RANDOM), 0, 16);
    snapshot_next_mapping = SNAPSHOT_MEMORY;
}

/* The number of pieces for `map_regions`: those over the program's data, which come last, cannot be undone. */
static size_t pieces_of_regions(void) {
    size_t count = 0;
    while (count < snapshot.piece_count && snapshot.pieces[count].address >= SNAPSHOT_MEMORY) {
        count++;
    }
    return count;
}

/* Brings the snapshot's memory in place.
 * Returns "restored", or what was in the way, and then nothing has changed. */
static const char *bring_in(unsigned long page_size) {
    if (page_size != SNAPSHOT_PAGE) {
        return "the pages of this kernel have another size";
    }
    long fd = kernel(SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd < 0) {
        return "/proc/self/exe cannot be read";
    }
    uint64_t identity = 0;
    size_t i = pieces_of_regions();
    const char *in_the_way = NULL;
    if (kernel(SYS_pread64, fd, (long)&identity, sizeof identity, snapshot.offset, 0, 0) != sizeof identity ||
        identity != snapshot.identity) {
        in_the_way = "/proc/self/exe is another file";
    } else if (!map_regions((int)fd, i)) {
        in_the_way = "its place in memory is taken, or more than this process may have";
    }
    for (; in_the_way == NULL && i < snapshot.piece_count; i++) {
        if (!map_piece(i, (int)fd)) {
            /* The data is half the one, half the other. It takes a kernel without memory for its own tables. */
            static const char message[] = "supervisor: no memory for the snapshot\n";
            kernel(SYS_write, 2, (long)message, sizeof message - 1, 0, 0, 0);
            kernel(SYS_exit_group, 1, 0, 0, 0, 0, 0);
        }
    }
    kernel(SYS_close, fd, 0, 0, 0, 0, 0);
    return in_the_way ? in_the_way : "restored";
}

extern void __init_libc(char **environ, char *program);

/* The C library begins anew, as in any process: stack, clock, identity of the thread. But what threads have of their
 * own is the snapshot's again. No frame of the snapshot's stack is needed: it was written with none of Python's. */
static _Noreturn void go_on(int argc, char **argv, char **environ) {
    char thread_locals[1024];
    void *place = (void *)snapshot.thread_locals;
    memcpy(thread_locals, place, snapshot.thread_locals_size);
    __init_libc(environ, argv[0]);
    memcpy(place, thread_locals, snapshot.thread_locals_size);
    snapshot_next_mapping = 0;
    find_clock();
    exit(resume(argc, argv, environ));
}

/* Restores and never returns, or returns to start the program plainly. */
__attribute__((used)) void restore_or_return(long *stack) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    char **environ = argv + argc + 1;
    char **end = environ;
    while (*end != NULL) {
        end++;
    }
    unsigned long *auxiliary_vector = (unsigned long *)(end + 1);
    const char *wished = wish(environ);
    const char *kind = snapshot_start_kind;
    if (snapshot.piece_count != 0) {
        kind = strcmp(wished, "off") == 0 ? "SUPERVISOR_SNAPSHOT is off"
                                          : bring_in(auxiliary(auxiliary_vector, AT_PAGESZ));
    } else if (strncmp(wished, SNAPSHOT_WRITE, sizeof SNAPSHOT_WRITE - 1) == 0) {
        settle(auxiliary_vector);
    }
    bool restored = strcmp(kind, "restored") == 0;
    /* The snapshot has brought its own. */
    snapshot_start_kind = kind;
    snapshot_wish = wished;
    if (restored) {
        go_on(argc, argv, environ);
    }
}
