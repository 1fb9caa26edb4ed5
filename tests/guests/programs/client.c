/* Calls Ponte with xmlrpc-c, the usual library of C.
 *
 *     cc -o client client.c -lxmlrpc_client -lxmlrpc -lxmlrpc_util
 *     ./client URL-OF-THE-GREETER URL-OF-THE-VALUES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/client.h>

static xmlrpc_env env;
static const char *values;

static void check(const char *name, int holds) {
    printf(holds ? "ok %s\n" : "FAILED %s: the wrong value\n", name);
}

static void stop_at_fault(void) {
    if (env.fault_occurred) {
        printf("fault %d: %s\n", env.fault_code, env.fault_string);
        exit(1);
    }
}

/* Calls values. The format is that of the library: "(i)" is one int, "()" is nothing. */
#define ASK(method, ...) xmlrpc_client_call(&env, values, method, __VA_ARGS__)

static const char *text_of(xmlrpc_value *value) {
    const char *text = NULL;
    stop_at_fault();
    xmlrpc_read_string(&env, value, &text);
    stop_at_fault();
    xmlrpc_DECREF(value);
    return text;
}

static int is_text(xmlrpc_value *value, const char *expected) {
    return strcmp(text_of(value), expected) == 0;
}

/* Reads a value in a format of the library. */
#define READ(value, ...) do { \
    xmlrpc_value *found = value; \
    stop_at_fault(); \
    xmlrpc_decompose_value(&env, found, __VA_ARGS__); \
    stop_at_fault(); \
    xmlrpc_DECREF(found); \
} while (0)

static int fault_is(int code, const char *text) {
    int holds = env.fault_code == code && (!text || strstr(env.fault_string, text));
    xmlrpc_env_clean(&env);
    xmlrpc_env_init(&env);
    return holds;
}

static int is_near(double found, double expected) {
    return found > expected * (1 - 1e-15) && found < expected * (1 + 1e-15);
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    values = arguments[2];
    xmlrpc_env_init(&env);
    xmlrpc_client_init2(&env, XMLRPC_CLIENT_NO_FLAGS, "guest", "1", NULL, 0);
    stop_at_fault();

    xmlrpc_value *world = xmlrpc_client_call(&env, arguments[1], "hello", "(s)", "Hello");
    check("hello", is_text(world, "World"));
    /* It refuses characters beyond 16 bits, such as an emoji. */
    const char *text = "São Tomé, 日本 <&>";
    check("text", is_text(ASK("echo", "(s)", text), text));
    int least;
    READ(ASK("echo", "(i)", -2147483647 - 1), "i", &least);
    check("int", least == -2147483647 - 1
                 && is_text(ASK("kind", "(i)", 2147483647), "int 2147483647"));
    xmlrpc_int64 big;
    READ(ASK("big", "()"), "I", &big);
    check("i8", big == 1LL << 40 && is_text(ASK("kind", "(I)", 1LL << 40), "int 1099511627776"));
    /* It reads a fraction with an error in the last digit. */
    double small, tenth;
    READ(ASK("small", "()"), "d", &small);
    READ(ASK("echo", "(d)", 0.1), "d", &tenth);
    check("double", is_near(small, 1e-09) && is_near(tenth, 0.1));
    xmlrpc_bool no;
    READ(ASK("echo", "(b)", 0), "b", &no);
    check("boolean", !no && is_text(ASK("kind", "(b)", 1), "bool True"));
    xmlrpc_value *nothing = ASK("nothing", "()");
    stop_at_fault();
    check("nil", xmlrpc_value_type(nothing) == XMLRPC_TYPE_NIL
                 && is_text(ASK("kind", "(n)"), "NoneType None"));
    const unsigned char *bytes;
    size_t length;
    READ(ASK("all_bytes", "()"), "6", &bytes, &length);
    check("base64", length == 256 && bytes[0] == 0 && bytes[255] == 255
                    && is_text(ASK("kind", "(6)", "\0\xff", (size_t)2), "bytes b'\\x00\\xff'"));
    xmlrpc_datetime leap_day = {2024, 2, 29, 13, 14, 15, 123456};
    xmlrpc_value *date = xmlrpc_datetime_new(&env, leap_day);
    check("date sent", is_text(ASK("kind", "(V)", date), "datetime 2024-02-29T13:14:15.123456"));
    xmlrpc_value *read = ASK("leap_day", "()");
    stop_at_fault();
    xmlrpc_datetime found;
    xmlrpc_read_datetime(&env, read, &found);
    check("date read", found.Y == 2024 && found.M == 2 && found.D == 29 && found.h == 13
                       && found.m == 14 && found.s == 15);
    const char *name, *city;
    int mark;
    double half;
    READ(ASK("echo", "({s:s,s:(id),s:{s:s}})", "name", "Ana", "marks", 10, 9.5,
             "address", "city", "Recife"),
         "{s:s,s:(id),s:{s:s,*},*}", "name", &name, "marks", &mark, &half,
         "address", "city", &city);
    check("struct", !strcmp(name, "Ana") && mark == 10 && half == 9.5 && !strcmp(city, "Recife"));
    ASK("refuse", "(s)", "no boat left");
    check("fault", fault_is(-32500, "ValueError: no boat left"));
    ASK("invented", "()");
    check("no method", fault_is(-32601, NULL));
    int first, second;
    READ(ASK("connection", "()"), "i", &first);
    READ(ASK("connection", "()"), "i", &second);
    check("kept", first == second);
    xmlrpc_value *methods = ASK("system.listMethods", "()");
    stop_at_fault();
    int seen = 0;
    for (int number = 0; number < xmlrpc_array_size(&env, methods); number++) {
        xmlrpc_value *method;
        xmlrpc_array_read_item(&env, methods, number, &method);
        seen |= is_text(method, "echo");
    }
    check("methods", seen);
    xmlrpc_client_cleanup();
    return 0;
}
