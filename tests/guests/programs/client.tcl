# Calls Ponte with Tcl's package xmlrpc. It speaks HTTP/1.0, without the header Host.
#
#     tclsh client.tcl URL-OF-THE-GREETER URL-OF-THE-VALUES
package require xmlrpc

# The library prints what it cannot read, and goes on.
proc xmlrpc::warn {text} { error $text }

proc check {name found expected} {
    puts [expr {$found eq $expected ? "ok $name" : "FAILED $name: $found"}]
}

# Each argument is a pair of a type and a value. The library wants host and path apart.
proc call {url method args} {
    regexp {^(http://[^/]+)/(.*)$} $url all host path
    return [lindex [xmlrpc::call $host $path $method $args] 1]
}

lassign $argv greeter values
proc ask {method args} { return [call $::values $method {*}$args] }

check hello [call $greeter hello {string Hello}] World
# It counts the characters of a message, where HTTP counts the bytes. And it escapes nothing.
puts "cannot text: the length that it sends is that of ASCII"
check int "[ask kind {int 2147483647}], [ask echo {int -2147483648}]" "int 2147483647, -2147483648"
puts "cannot i8: it does not know the tag"
check double "[ask echo {double 0.5}], [expr {[ask small] == 1e-09}]" "0.5, 1"
check boolean "[ask kind {boolean 1}], [ask echo {boolean 0}]" "bool True, 0"
puts "cannot nil: it does not know the tag"
check base64 [ask kind [list base64 [binary encode base64 "\x00\xff"]]] {bytes b'\x00\xff'}
check "date sent" [ask kind {dateTime.iso8601 20240229T13:14:15}] "datetime 2024-02-29T13:14:15"
check "date read" [ask leap_day] 20240229T13:14:15
array set person {name {string Ana} marks {array {{int 10} {string -}}}}
array set found [join [ask echo {struct person}]]
check struct [lsort [array names found]] "marks name"
array set fault [join [ask refuse {string {no boat left}}]]
check fault "$fault(faultCode) $fault(faultString)" "-32500 ValueError: no boat left"
array set fault [join [ask invented]]
check "no method" $fault(faultCode) -32601
puts "cannot kept: it opens a connection for each call"
check methods [expr {"echo" in [join [ask system.listMethods]]}] 1
