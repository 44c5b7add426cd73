/* Writes the program with a snapshot of the running process behind it. Runs at build time only; whatever it does not
 * expect ends the build.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot.h"

enum { SEGMENTS = 4 };

/* A gap of zeros as long as this is left out; a shorter one is not worth a mapping of its own. */
enum { GAP = 8 * SNAPSHOT_PAGE };

static const char too_many[] = "memory is in too many parts";

/* What is known of this process's memory. It lives on the stack, as all variables here do: no snapshot of them. */
struct layout {
    uintptr_t data, data_end; /* Of the program, as the linker laid it out. There are gaps in it. */
    int64_t table_offset;     /* Of the variable `snapshot` in the program's file. */
    struct data {
        uintptr_t start, file_end, end; /* From the program's file, and from there on zeros. */
    } segments[SEGMENTS];
    size_t segment_count;
    uintptr_t stack, stack_end;
    uintptr_t kernel, kernel_end; /* The code that the kernel maps into every process. */
};

static uintptr_t page_floor(uintptr_t address) { return address & -(uintptr_t)SNAPSHOT_PAGE; }
static uintptr_t page_ceiling(uintptr_t address) { return page_floor(address + SNAPSHOT_PAGE - 1); }

static const char *read_program_headers(struct layout *layout, struct snapshot *table) {
    const Elf64_Phdr *header = (const Elf64_Phdr *)getauxval(AT_PHDR);
    for (size_t i = getauxval(AT_PHNUM); i > 0; i--, header++) {
        const uintptr_t end = header->p_vaddr + header->p_memsz;
        const uintptr_t offset = (uintptr_t)&snapshot - header->p_vaddr;
        if (header->p_type == PT_LOAD && header->p_flags & PF_W) {
            layout->data = layout->data ? layout->data : page_floor(header->p_vaddr);
            layout->data_end = page_ceiling(end);
            if (layout->segment_count == SEGMENTS) {
                return too_many;
            }
            layout->segments[layout->segment_count++] = (struct data){
                page_floor(header->p_vaddr), page_ceiling(header->p_vaddr + header->p_filesz), page_ceiling(end)};
        } else if (header->p_type == PT_LOAD && offset < header->p_filesz) {
            layout->table_offset = (int64_t)(offset + header->p_offset);
        } else if (header->p_type == PT_TLS) {
            const uintptr_t thread = (uintptr_t)__builtin_thread_pointer();
            table->thread_locals_size = (header->p_memsz + header->p_align - 1) & -header->p_align;
#ifdef __x86_64__
            table->thread_locals = thread - table->thread_locals_size;
#else
            table->thread_locals = (thread + 16 + header->p_align - 1) & -header->p_align;
#endif
        }
    }
    if (table->thread_locals < layout->data || table->thread_locals + table->thread_locals_size > layout->data_end) {
        return "the main thread's own variables do not lie in the program's data";
    }
    return layout->table_offset != 0 ? NULL : "the program's table does not lie in its file";
}

/* One line of /proc/self/maps: kept as a region, known, or in the way. */
static const char *take_mapping(const char *line, struct layout *layout, struct snapshot *table) {
    uintptr_t start;
    uintptr_t end;
    char access[5];
    char name[8] = "";
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s%*[ ]%7[^\n]", &start, &end, access, name) < 3) {
        return "/proc/self/maps is not understood";
    }
    const bool writable = access[1] == 'w';
    if (strcmp(name, "[stack]") == 0) {
        layout->stack = start;
        layout->stack_end = end;
    } else if (strcmp(name, "[vdso]") == 0) {
        layout->kernel = start;
        layout->kernel_end = end;
    } else if (start >= SNAPSHOT_MEMORY && end <= snapshot_next_mapping) {
        if (table->region_count == SNAPSHOT_REGIONS) {
            return too_many;
        }
        const int protection = writable ? PROT_READ | PROT_WRITE : PROT_NONE;
        table->regions[table->region_count++] = (struct region){start, end - start, protection};
    } else if (writable && !(start >= layout->data && end <= layout->data_end)) {
        return "memory that is neither the program's data nor mapped at an address of its choice";
    }
    return NULL;
}

static const char *read_mappings(struct layout *layout, struct snapshot *table) {
    char text[32768];
    size_t size = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; fd >= 0 && got > 0; size += (size_t)got) {
        got = read(fd, text + size, sizeof text - 1 - size);
        if (got < 0) {
            return "/proc/self/maps cannot be read";
        }
    }
    close(fd);
    text[size] = 0;
    const char *in_the_way = size < sizeof text - 1 ? NULL : too_many;
    for (char *line = text; in_the_way == NULL && *line != 0; line = strchr(line, '\n') + 1) {
        in_the_way = take_mapping(line, layout, table);
    }
    return in_the_way;
}

static bool is_zero(uintptr_t page) {
    static const char zeros[SNAPSHOT_PAGE];
    return memcmp((const void *)page, zeros, sizeof zeros) == 0;
}

/* The pieces of *region* that hold anything. */
static const char *find_pieces(struct snapshot *table, const struct region *region) {
    const uintptr_t end = region->protection == PROT_NONE ? region->address : region->address + region->size;
    struct piece *piece = NULL;
    for (uintptr_t page = region->address; page < end; page += SNAPSHOT_PAGE) {
        if (is_zero(page)) {
            continue;
        }
        if (piece == NULL || page - (piece->address + piece->size) >= GAP) {
            if (table->piece_count == SNAPSHOT_PIECES) {
                return too_many;
            }
            piece = &table->pieces[table->piece_count++];
            piece->address = page;
        }
        piece->size = page + SNAPSHOT_PAGE - piece->address;
    }
    return NULL;
}

static const char *find_all_pieces(const struct layout *layout, struct snapshot *table) {
    const char *in_the_way = NULL;
    for (size_t i = 0; in_the_way == NULL && i < table->region_count; i++) {
        in_the_way = find_pieces(table, &table->regions[i]);
    }
    for (size_t i = 0; in_the_way == NULL && i < layout->segment_count; i++) {
        const struct data *data = &layout->segments[i];
        if (table->piece_count == SNAPSHOT_PIECES) {
            return too_many;
        }
        /* Here zeros count too: the program's file may hold something else in their place. */
        table->pieces[table->piece_count++] = (struct piece){data->start, data->file_end - data->start, 0};
        in_the_way = find_pieces(table, &(struct region){data->file_end, data->end - data->file_end, PROT_READ});
    }
    return in_the_way;
}

/* A copy of a page without what is true of this process alone: addresses in its stack, of frames that have ended. */
static const char *copy_page(const struct layout *layout, uintptr_t page, uintptr_t *copy) {
    memcpy(copy, (const void *)page, SNAPSHOT_PAGE);
    for (size_t i = 0; i < SNAPSHOT_PAGE / sizeof *copy; i++) {
        if (copy[i] >= layout->stack && copy[i] < layout->stack_end) {
            copy[i] = 0;
        } else if (copy[i] >= layout->kernel && copy[i] < layout->kernel_end) {
            return "an address in the kernel's code is remembered";
        }
    }
    return NULL;
}

static bool put(int fd, const void *bytes, size_t size, int64_t offset) {
    return pwrite(fd, bytes, size, offset) == (ssize_t)size;
}

/* Writes the pieces from *end* on, and says in each where it lies. */
static const char *write_pieces(int fd, const struct layout *layout, struct snapshot *table, int64_t end) {
    uintptr_t copy[SNAPSHOT_PAGE / sizeof(uintptr_t)];
    uint64_t identity = 14695981039346656037u; /* FNV-1a, over words. */
    for (size_t i = 0; i < table->piece_count; i++) {
        struct piece *piece = &table->pieces[i];
        piece->offset = end;
        for (size_t done = 0; done < piece->size; done += SNAPSHOT_PAGE, end += SNAPSHOT_PAGE) {
            const char *in_the_way = copy_page(layout, piece->address + done, copy);
            if (in_the_way != NULL) {
                return in_the_way;
            }
            for (size_t word = 0; word < sizeof copy / sizeof *copy; word++) {
                identity = (identity ^ copy[word]) * 1099511628211u;
            }
            if (!put(fd, copy, sizeof copy, end)) {
                return "the file cannot be written";
            }
        }
    }
    table->identity = identity;
    return put(fd, &identity, sizeof identity, table->offset) ? NULL : "the file cannot be written";
}

/* The program as it is, into an empty file; its size. */
static int64_t copy_program(int fd) {
    struct stat status = {0};
    int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    off_t done = 0;
    if (program < 0 || fstat(program, &status) != 0) {
        return -1;
    }
    while (done < status.st_size && sendfile(fd, program, &done, (size_t)(status.st_size - done)) > 0) {
    }
    close(program);
    return done == status.st_size ? done : -1;
}

static const char *write_to(int fd, const struct layout *layout, struct snapshot *table) {
    const int64_t size = copy_program(fd);
    if (size < 0) {
        return "the program cannot be copied";
    }
    table->offset = (int64_t)page_ceiling((uintptr_t)size);
    const char *in_the_way = write_pieces(fd, layout, table, table->offset + SNAPSHOT_PAGE);
    if (in_the_way == NULL && !put(fd, table, sizeof *table, layout->table_offset)) {
        in_the_way = "the file cannot be written";
    }
    return in_the_way;
}

const char *snapshot_write(const char *path) {
    struct layout layout = {0};
    struct snapshot table = {0};
    const char *in_the_way = read_program_headers(&layout, &table);
    if (in_the_way == NULL) {
        in_the_way = read_mappings(&layout, &table);
    }
    if (in_the_way == NULL) {
        in_the_way = find_all_pieces(&layout, &table);
    }
    if (in_the_way != NULL) {
        return in_the_way;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0) {
        return "the file cannot be created";
    }
    in_the_way = write_to(fd, &layout, &table);
    return close(fd) == 0 ? in_the_way : "the file cannot be written";
}
