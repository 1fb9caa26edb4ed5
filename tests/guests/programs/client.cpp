// Calls Ponte with xmlrpc-c++, the C++ interface of xmlrpc-c.
//
//     c++ -o client client.cpp -lxmlrpc_client++ -lxmlrpc++ -lxmlrpc_client -lxmlrpc
//     ./client URL-OF-THE-GREETER URL-OF-THE-VALUES
#include <cmath>
#include <iostream>
#include <string>
#include <vector>
#include <xmlrpc-c/base.hpp>
#include <xmlrpc-c/client_simple.hpp>
#include <xmlrpc-c/client.hpp>

using namespace xmlrpc_c;
using std::string;

static clientXmlTransport_curl transport;
static client_xml http(&transport);

static rpcOutcome outcome(string const &url, string const &method, paramList const &parameters) {
    rpcPtr call(method, parameters);
    carriageParm_curl0 carriage(url);
    call->call(&http, &carriage);
    return call->isSuccessful() ? rpcOutcome(call->getResult()) : rpcOutcome(call->getFault());
}

static string values;

static value ask(string const &method, paramList const &parameters = paramList()) {
    return outcome(values, method, parameters).getResult();
}

static value echo(value const &sent) { return ask("echo", paramList().add(sent)); }
static string kind(value const &sent) { return value_string(ask("kind", paramList().add(sent))); }

static void check(string const &name, bool holds) {
    std::cout << (holds ? "ok " + name : "FAILED " + name + ": the wrong value") << std::endl;
}

// It reads a fraction with an error in the last digit.
static bool is_near(value const &found, double expected) {
    return std::abs(double(value_double(found)) / expected - 1) < 1e-15;
}

int main(int, char **arguments) {
    values = arguments[2];
    paramList const greeting = paramList().add(value_string("Hello"));
    value const world = outcome(arguments[1], "hello", greeting).getResult();
    check("hello", string(value_string(world)) == "World");
    // It refuses characters beyond 16 bits, such as an emoji.
    string const text = "São Tomé, 日本 <&>";
    check("text", string(value_string(echo(value_string(text)))) == text);
    check("int", kind(value_int(2147483647)) == "int 2147483647"
                 && int(value_int(echo(value_int(-2147483647 - 1)))) == -2147483647 - 1);
    check("i8", (long long)value_i8(ask("big")) == 1LL << 40
                && kind(value_i8(1LL << 40)) == "int 1099511627776");
    check("double", is_near(ask("small"), 1e-09)
                    && is_near(echo(value_double(0.1)), 0.1));
    check("boolean", kind(value_boolean(true)) == "bool True"
                     && !bool(value_boolean(echo(value_boolean(false)))));
    check("nil", ask("nothing").type() == value::TYPE_NIL && kind(value_nil()) == "NoneType None");
    std::vector<unsigned char> const bytes = value_bytestring(ask("all_bytes")).vectorUcharValue();
    check("base64", bytes.size() == 256 && bytes[255] == 255
                    && kind(value_bytestring({0, 255})) == "bytes b'\\x00\\xff'");
    check("date sent", kind(value_datetime("20240229T13:14:15")) == "datetime 2024-02-29T13:14:15");
    value_datetime const leap_day(ask("leap_day"));
    check("date read", time_t(leap_day) == 1709212455);
    cstruct const person{{"name", value_string("Ana")}, 
                         {"marks", value_array(carray{value_int(10)})}};
    cstruct const found = value_struct(echo(value_struct(person)));
    check("struct", string(value_string(found.at("name"))) == "Ana"
                    && int(value_int(value_array(found.at("marks")).cvalue()[0])) == 10);
    fault const refused = outcome(values, "refuse",
                                  paramList().add(value_string("no boat left"))).getFault();
    check("fault", int(refused.getCode()) == -32500
                   && refused.getDescription() == "ValueError: no boat left");
    fault const invented = outcome(values, "invented", paramList()).getFault();
    check("no method", int(invented.getCode()) == -32601);
    check("kept", int(value_int(ask("connection"))) == int(value_int(ask("connection"))));
    bool seen = false;
    for (value const &method : value_array(ask("system.listMethods")).cvalue())
        seen |= string(value_string(method)) == "echo";
    check("methods", seen);
}
