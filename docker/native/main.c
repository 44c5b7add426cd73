/* The program: CPython with every module linked in, told to look at nothing of the image that it runs in, and then
 * supervisor.__main__.
 *
 * No environment variable, no file and no option configures this interpreter. It takes its arguments as they are, and
 * leaves the environment as it was, so that children get it byte for byte.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <internal/mimalloc/mimalloc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "immortal.h"
#include "snapshot.h"

static const unsigned char frozen_code[] = {
#embed "frozen.bin"
};

static const struct _frozen frozen_modules[] = {
#include "frozen.h"
    {NULL, NULL, 0, 0},
};

extern PyObject *PyInit_parser(void);
extern PyObject *PyInit_url_parser(void);
extern PyObject *PyInit_json_text(void);
extern PyObject *PyInit_prctl(void);
extern PyObject *PyInit_sigaction(void);

static struct _inittab built_in_modules[] = {
    {"httptools.parser.parser", PyInit_parser},
    {"httptools.parser.url_parser", PyInit_url_parser},
    {"supervisor.api.json_text", PyInit_json_text},
    {"supervisor.system.prctl", PyInit_prctl},
    {"supervisor.system.sigaction", PyInit_sigaction},
    {NULL, NULL},
};

static PyStatus preinitialize(void) {
    PyPreConfig config;
    PyPreConfig_InitIsolatedConfig(&config);
    /* In UTF-8 whatever the locale; and no LC_CTYPE is put into the environment (PEP 538). */
    config.utf8_mode = 1;
    config.coerce_c_locale = 0;
    config.configure_locale = 0;
    /* musl's malloc gives the pages of a large body back at once, and the next one pays for them anew. */
    config.allocator = PYMEM_ALLOCATOR_MIMALLOC;
    return Py_PreInitialize(&config);
}

/* The key of a snapshot's hashes stays what it was: the same for every start of this file, another for other code. */
static unsigned long hash_seed(void) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < sizeof frozen_code; i++) {
        hash = (hash ^ frozen_code[i]) * 16777619u;
    }
    return hash;
}

static PyStatus initialize(int argc, char **argv, bool for_snapshot) {
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 1;
    config.pathconfig_warnings = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.module_search_paths_set = 1;
    if (for_snapshot) {
        config.use_hash_seed = 1;
        config.hash_seed = hash_seed();
    }
    PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
    /* What is given here is not searched for on the disk. */
    wchar_t **const places[] = {
        &config.program_name,     &config.executable,  &config.base_executable,  &config.home,
        &config.prefix,           &config.base_prefix, &config.exec_prefix,      &config.base_exec_prefix,
        &config.stdlib_dir,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(places) && !PyStatus_Exception(status); i++) {
        status = PyConfig_SetString(&config, places[i], i < 3 ? L"/opt/supervisor" : L"/opt");
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return status;
}

/* The integer that *result*, which is taken over, stands for; 1 after an exception, which is shown. */
static int exit_code(PyObject *result) {
    int code = result ? PyLong_AsInt(result) : -1;
    if (PyErr_Occurred()) {
        PyErr_Print();
        code = 1;
    }
    Py_XDECREF(result);
    return code;
}

static PyObject *call(const char *module_name, const char *function, PyObject *arguments) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *callable = module ? PyObject_GetAttrString(module, function) : NULL;
    PyObject *result = callable && arguments ? PyObject_CallObject(callable, arguments) : NULL;
    Py_XDECREF(arguments);
    Py_XDECREF(callable);
    Py_XDECREF(module);
    return result;
}

static int check(void) {
    /* Said before Python has to do anything. */
    dprintf(STDOUT_FILENO, "supervisor: %s\n", snapshot_start_kind);
    return exit_code(call("snapshot_check", "check", Py_BuildValue("(s)", snapshot_start_kind)));
}

/* As the entry point of the installed package does: sys.exit(supervisor.__main__.main()). */
static int run(void) {
    int code = strcmp(snapshot_wish, "check") == 0 ? check()
                                                   : exit_code(call("supervisor.__main__", "main", PyTuple_New(0)));
    return Py_FinalizeEx() == 0 ? code : 1;
}

/* Also lets the garbage collector never look at these objects again. */
static int make_all_immortal(void) {
    PyObject *objects = call("gc", "get_objects", PyTuple_New(0));
    if (objects == NULL || !immortalize(objects)) {
        return exit_code(NULL);
    }
    Py_DECREF(objects);
    PyObject *frozen = call("gc", "freeze", PyTuple_New(0));
    Py_XDECREF(frozen);
    return frozen ? 0 : exit_code(NULL);
}

static int write_snapshot(const char *path) {
    /* Memory that is free again goes back to the kernel at once, and leaves zeros behind. */
    const long purge_delay = mi_option_get(mi_option_purge_delay);
    mi_option_set(mi_option_purge_delay, 0);
    static const char *const parts[] = {"prepare", "rehearse", "conclude"};
    int code = 0;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts) && code == 0; i++) {
        code = exit_code(call("snapshot", parts[i], PyTuple_New(0)));
    }
    if (code == 0) {
        code = make_all_immortal();
    }
    mi_collect(true);
    mi_option_set(mi_option_purge_delay, purge_delay);
    /* What a restored process allocates lies together, not in the gaps between the objects that are there. */
    mi_heap_set_default(mi_heap_new());
    if (code == 0) {
        /* What is restored is a child of this process, which goes no further. */
        PyOS_BeforeFork();
        const char *in_the_way = snapshot_write(path);
        if (in_the_way != NULL) {
            fprintf(stderr, "supervisor: no snapshot: %s\n", in_the_way);
            code = 1;
        }
    }
    _exit(code);
}

/* As os.environ takes it: what has no name is left out, and of two with one name the first counts. */
static PyObject *environment(char **environ) {
    PyObject *variables = PyDict_New();
    for (; variables && *environ; environ++) {
        const char *equals = strchr(*environ, '=');
        PyObject *name = equals ? PyBytes_FromStringAndSize(*environ, equals - *environ) : NULL;
        PyObject *value = equals ? PyBytes_FromString(equals + 1) : NULL;
        if (name && value) {
            PyDict_SetDefault(variables, name, value);
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return variables;
}

static PyObject *words(int argc, char **argv) {
    PyObject *words = PyList_New(argc);
    for (int i = 0; words && i < argc; i++) {
        PyList_SET_ITEM(words, i, PyUnicode_DecodeFSDefault(argv[i]));
    }
    return words;
}

/* The signals that whoever started us has told the kernel to ignore. */
static PyObject *ignored_signals(void) {
    PyObject *numbers = PyList_New(0);
    for (int number = 1; numbers && number < NSIG; number++) {
        PyObject *ignored = PyOS_getsig(number) == SIG_IGN ? PyLong_FromLong(number) : NULL;
        if (ignored) {
            PyList_Append(numbers, ignored);
            Py_DECREF(ignored);
        }
    }
    return numbers;
}

int resume(int argc, char **argv, char **environ) {
    PyOS_AfterFork_Child();
    PyObject *own = Py_BuildValue("(NNN)", words(argc, argv), environment(environ), ignored_signals());
    int code = exit_code(call("snapshot", "renew", own));
    return code == 0 ? run() : code;
}

int main(int argc, char **argv) {
    const bool for_snapshot = snapshot_next_mapping != 0;
    if (!for_snapshot) {
        find_clock();
    }
    PyImport_FrozenModules = frozen_modules;
    PyStatus status = PyImport_ExtendInittab(built_in_modules) == 0 ? preinitialize() : PyStatus_NoMemory();
    if (!PyStatus_Exception(status)) {
        status = initialize(argc, argv, for_snapshot);
    }
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
    return for_snapshot ? write_snapshot(snapshot_wish + sizeof SNAPSHOT_WRITE - 1) : run();
}
