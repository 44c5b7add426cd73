/* Lets the runtime that counts, which was compiled for glibc, be linked with musl, and has it linked at all. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

extern int __llvm_profile_runtime;
int *const counting = &__llvm_profile_runtime;

int __open_2(const char *path, int flags) {
    return open(path, flags);
}

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list arguments) {
    (void)flag;
    return vfprintf(file, format, arguments);
}

int __vsnprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, va_list arguments) {
    (void)flag;
    (void)room;
    return vsnprintf(text, size, format, arguments);
}
