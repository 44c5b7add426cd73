/* The program: CPython with every module linked in, told to look at nothing of the image that it runs in, and then
 * supervisor.__main__.
 *
 * No environment variable, no file and no option configures this interpreter. It takes its arguments as they are, and
 * leaves the environment as it was, so that children get it byte for byte.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static PyStatus initialize(int argc, char **argv) {
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 1;
    config.pathconfig_warnings = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.module_search_paths_set = 1;
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

/* As the entry point of the installed package does: sys.exit(supervisor.__main__.main()). */
static int run(void) {
    PyObject *module = PyImport_ImportModule("supervisor.__main__");
    PyObject *exit_code = module ? PyObject_CallMethod(module, "main", NULL) : NULL;
    int code = exit_code ? PyLong_AsInt(exit_code) : -1;
    if (PyErr_Occurred()) {
        PyErr_Print();
        code = 1;
    }
    Py_XDECREF(exit_code);
    Py_XDECREF(module);
    return code;
}

int main(int argc, char **argv) {
    PyImport_FrozenModules = frozen_modules;
    PyStatus status = PyImport_ExtendInittab(built_in_modules) == 0 ? preinitialize() : PyStatus_NoMemory();
    if (!PyStatus_Exception(status)) {
        status = initialize(argc, argv);
    }
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
    int code = run();
    return Py_FinalizeEx() == 0 ? code : 1;
}
