-- Calls Ponte with LuaXMLRPC.
--
--     lua5.1 client.lua URL-OF-THE-GREETER URL-OF-THE-VALUES
require "xmlrpc.http"
local mime = require "mime"

local greeter, values = arg[1], arg[2]

local function check(name, found, expected)
  print(found == expected and "ok " .. name or "FAILED " .. name .. ": " .. tostring(found))
end

-- The value that a call returns; of a fault, its text and its code.
local function call(url, ...)
  local _, value, code = xmlrpc.http.call(url, ...)
  return value, code
end
local function ask(...) return call(values, ...) end

check("hello", call(greeter, "hello", "Hello"), "World")
-- The library does not escape the markup of a text.
check("text", ask("echo", "São Tomé, 日本, 🐘 &lt;&amp;>"), "São Tomé, 日本, 🐘 <&>")
check("int", ask("kind", 2147483647) .. ask("echo", -2147483648), "int 2147483647-2147483648")
print("cannot i8: it does not know the tag")
check("double", ask("small") + ask("echo", 0.5), 0.5 + 1e-9)
check("boolean", ask("kind", true) .. tostring(ask("echo", false)), "bool Truefalse")
print("cannot nil: it does not know the tag")
-- Bytes and dates are read as the text that stands there; to write them is not provided for.
check("base64", #mime.unb64(ask("all_bytes")), 256)
print("cannot date sent: it writes none")
check("date read", ask("leap_day"), "20240229T13:14:15")
local marks = xmlrpc.newTypedValue({10, 9}, "array")
local person = ask("echo", {name = "Ana", marks = marks, address = {city = "Recife"}})
check("struct", person.name .. person.marks[1] .. person.address.city, "Ana10Recife")
local text, code = ask("refuse", "no boat left")
check("fault", code .. " " .. text, "-32500 ValueError: no boat left")
check("no method", select(2, ask("invented")), -32601)
print("cannot kept: it opens a connection for each call")
check("methods", table.concat(ask("system.listMethods"), " "):find("echo") ~= nil, true)
