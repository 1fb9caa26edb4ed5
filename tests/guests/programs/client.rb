# Calls Ponte with the gem xmlrpc, once part of Ruby's standard library.
#
#     ruby client.rb URL-OF-THE-GREETER URL-OF-THE-VALUES
require "xmlrpc/client"

# The library refuses nil unless it is told to write and to read it.
%i[ENABLE_NIL_CREATE ENABLE_NIL_PARSER].each do |setting|
  XMLRPC::Config.send(:remove_const, setting)
  XMLRPC::Config.const_set(setting, true)
end

def check(name, found, expected)
  puts found == expected ? "ok #{name}" : "FAILED #{name}: #{found.inspect}"
end

def fault_of(values, *call)
  values.call(*call)
rescue XMLRPC::FaultException => fault
  [fault.faultCode, fault.faultString]
end

greeter, values = ARGV.map { |url| XMLRPC::Client.new2(url) }
ask = ->(*call) { values.call(*call) }

check "hello", greeter.call("hello", "Hello"), "World"
text = "São Tomé, 日本, 🐘 <&>"
check "text", ask["echo", text], text
check "int", [ask["kind", 2**31 - 1], ask["echo", -2**31]], ["int 2147483647", -2**31]
# It reads <i8>, and refuses to write it.
check "i8", ask["big"], 2**40
check "double", [ask["small"], ask["echo", 0.1], ask["echo", 1e-12]], [1e-09, 0.1, 1e-12]
check "boolean", [ask["kind", true], ask["echo", false]], ["bool True", false]
check "nil", [ask["nothing"], ask["kind", nil]], [nil, "NoneType None"]
bytes = (0..255).map(&:chr).join.b
check "base64", [ask["all_bytes"].b, ask["kind", XMLRPC::Base64.new("\0\xff".b)]],
      [bytes, "bytes b'\\x00\\xff'"]
check "date sent", ask["kind", Time.gm(2024, 2, 29, 13, 14, 15)], "datetime 2024-02-29T13:14:15"
check "date read", ask["leap_day"].to_a, [2024, 2, 29, 13, 14, 15]
person = { "name" => "Ana", "marks" => [10, 9.5, "-"], "address" => { "city" => "Recife" } }
check "struct", ask["echo", person], person
check "fault", fault_of(values, "refuse", "no boat left"), [-32500, "ValueError: no boat left"]
check "no method", fault_of(values, "invented").first, -32601
check "kept", ask["connection"], ask["connection"]
check "methods", ask["system.listMethods"].include?("echo"), true
